/**
 * How a host is doing, as far as anybody can tell, and what is to be done about one that is silent: pure functions of what was
 * noted. Silence alone says nothing: a host is dead only when others cannot reach it either, and what ran on it runs elsewhere
 * only when its power is seen to be off, or the lease under which it may run it is over (model/lease.ts).
 * Not its job: noting, asking, fencing, placing (controller/reconcilers/availability.ts).
 */

export const hostAvailabilities = ['up', 'maintenance', 'late', 'silent', 'suspect', 'dead', 'fenced'] as const
/**
 * - 'up': its agent holds a link. 'maintenance': it does, and takes no instances.
 * - 'late': it holds a link and has missed two heartbeats.
 * - 'silent': it holds no link. 'suspect': other hosts are being asked, or could not tell, or reach the machine.
 * - 'dead': others cannot reach it either. 'fenced': surely nothing of what may run elsewhere runs on it any more.
 */
export type HostAvailability = (typeof hostAvailabilities)[number]

export const absenceCauses = ['late', 'silent', 'closed', 'controller_gone'] as const
/**
 * Why it has no link: it was late with its heartbeats; a controller heard nothing for too long; the link was closed, as when an agent
 * is restarted; the controller that held it is gone.
 */
export type AbsenceCause = (typeof absenceCauses)[number]

export const reaches = ['service', 'machine', 'none'] as const
/** What another host found: something listens there; the machine refuses, so it lives; no answer. */
export type Reach = (typeof reaches)[number]

export interface Opinion {
  readonly host_id: string
  readonly host: string
  /** Null: the host that was asked did not answer, or could not tell. */
  readonly reached: Reach | null
  /** RFC 3339. */
  readonly at: string
}

export const fencingMethods = ['ipmi', 'redfish', 'lease', 'person'] as const
/** By what it is sure that nothing runs there: power seen off, the lease run out, or somebody vouches for it. */
export type FencingMethod = (typeof fencingMethods)[number]

/** Whether a host that is fenced so counts as fenced anew: a lease says only of guests that need one that they do not run, all else of any. */
export function supersedes(method: FencingMethod, fenced_by: FencingMethod | null): boolean {
  return fenced_by === null || (fenced_by === 'lease' && method !== 'lease')
}

/** What is noted of a host that is not there. Times in milliseconds since 1970, by the database's clock. */
export interface Absence {
  readonly cause: AbsenceCause
  /** When it was last heard of, or its link ended. */
  readonly since_ms: number
  readonly opinions: readonly Opinion[]
  /** When others were last asked. */
  readonly asked_ms: number | null
  readonly dead_ms: number | null
  readonly fence_failure: string | null
  readonly fence_attempts: number
  /** Not before then is fencing tried again. */
  readonly fence_again_ms: number | null
  readonly fenced_ms: number | null
  readonly fenced_by: FencingMethod | null
  /** Its power was off before anybody cut it. */
  readonly power_was_off: boolean
}

export interface HostAvailabilityShown {
  availability: HostAvailability
  /** A sentence; empty for a host that is up. */
  why: string
}

const causes: Record<AbsenceCause, string> = {
  late: 'It has missed two heartbeats.',
  silent: 'Nothing was heard of it for too long.',
  closed: 'Its link was closed; an agent that is only restarted dials in again at once.',
  controller_gone: 'The controller that held its link is gone; it dials another one.',
}

const methods: Record<FencingMethod, string> = {
  ipmi: 'its power was cut by IPMI and seen to be off',
  redfish: 'its power was cut by Redfish and seen to be off',
  lease: 'its lease is over, so that it has stopped its highly available instances itself',
  person: 'somebody has vouched that it is off',
}
const was_off: Partial<Record<FencingMethod, string>> = {
  ipmi: 'its power was off already, as IPMI told',
  redfish: 'its power was off already, as Redfish told',
}

/** How it is sure that nothing runs there, as a part of a sentence. */
export function fencedHow(fenced_by: FencingMethod, power_was_off: boolean): string {
  return (power_was_off ? was_off[fenced_by] : undefined) ?? methods[fenced_by]
}

const sentence = (words: string) => `${words.charAt(0).toUpperCase()}${words.slice(1)}.`

/** The names, at most three of them. */
export function named(opinions: readonly Opinion[]): string {
  const names = opinions.map(one => one.host)
  return names.length > 3 ? `${names.slice(0, 3).join(', ')} and ${names.length - 3} more` : names.join(' and ')
}

/** Those that reach the machine, so that it lives. */
export function reaching(opinions: readonly Opinion[]): Opinion[] {
  return opinions.filter(one => one.reached === 'service' || one.reached === 'machine')
}

export type Verdict = 'dead' | 'alive' | 'unknown'

/**
 * What the opinions of others come to. One that reaches it weighs more than any number that do not. That it is dead takes two of them, since one
 * may lie, or be cut off itself; a single one is believed only where there is no other to ask.
 */
export function verdictOf(opinions: readonly Opinion[]): Verdict {
  const told = opinions.filter(one => one.reached !== null)
  if (told.some(one => one.reached !== 'none')) return 'alive'
  return told.length >= Math.max(1, Math.min(2, opinions.length)) ? 'dead' : 'unknown'
}

export interface HostSeen {
  linked: boolean
  maintenance: boolean
  absence: Absence | null
  /** The name of its zone while the storm brake holds there. */
  storm_in?: string | null
  /** Who has vouched that it is off, where somebody has who is still known. */
  vouched_by?: string | null
}

/** The state that every API shows, and why. */
export function hostAvailability(host: HostSeen): HostAvailabilityShown {
  const shown = availabilityOf(host)
  // Without a link, and with nothing done about it: what it waits for comes last, as it is what somebody can do.
  if (!host.absence || host.linked || !host.storm_in) return shown
  return { ...shown, why: `${shown.why} ${inStorm(host.storm_in)}` }
}

const inStorm = (zone: string) =>
  `So many hosts of the zone ${zone} vanished at once that the network is suspected, and not they: nothing of it is fenced nor started elsewhere, whatever its lease says, ` +
  `until enough of them are back. If they are truly down: croft zone override-storm ${zone}.`

/** A reason without what it says of the storm, and whether it does: for where the storm is told with its figures, and can be ended. */
export function apartFromStorm(why: string, zone: string): { why: string; in_storm: boolean } {
  const [before = '', after] = why.split(` ${inStorm(zone)}`)
  return after === undefined ? { why, in_storm: false } : { why: `${before}${after}`, in_storm: true }
}

function availabilityOf({ linked, maintenance, absence, vouched_by }: HostSeen): HostAvailabilityShown {
  if (!absence) {
    if (maintenance) return { availability: 'maintenance', why: 'It takes no instances: it was put into maintenance.' }
    return linked ? { availability: 'up', why: '' } : { availability: 'silent', why: 'It holds no link.' }
  }
  const failed = absence.fence_failure === null ? '' : ` Cutting its power failed: ${absence.fence_failure}`
  if (absence.fenced_by !== null)
    return { availability: 'fenced', why: `${fencedSentence(absence, absence.fenced_by, vouched_by)}${failed}` }
  if (absence.dead_ms !== null) {
    const others = absence.opinions.filter(one => one.reached === 'none')
    const who = others.length > 0 ? `${named(others)} cannot reach it either.` : 'It is taken for dead.'
    return { availability: 'dead', why: `${causes[absence.cause]} ${who}${failed}` }
  }
  if (absence.asked_ms !== null)
    return { availability: 'suspect', why: `${causes[absence.cause]} ${suspicion(absence, linked)}` }
  return { availability: absence.cause === 'late' && linked ? 'late' : 'silent', why: causes[absence.cause] }
}

function fencedSentence(absence: Absence, fenced_by: FencingMethod, vouched_by: string | null = null): string {
  if (fenced_by !== 'person') return sentence(fencedHow(fenced_by, absence.power_was_off))
  const at = absence.fenced_ms === null ? '' : `, at ${new Date(absence.fenced_ms).toISOString()}`
  return `${vouched_by === null ? 'Somebody' : `The user ${vouched_by}`} has vouched that it is off${at}.`
}

function suspicion({ opinions }: Absence, linked: boolean): string {
  switch (verdictOf(opinions)) {
    case 'alive':
      return `${heardOf(opinions)}: it lives, and its agent does not, or is cut off from the controllers. Its power is left alone.`
    case 'dead':
      return `${heardOf(opinions)} either. It is declared dead ${linked ? 'as soon as its link is given up' : 'in a moment'}.`
    case 'unknown':
      if (opinions.length === 0) return 'There is no other host to ask.'
      return opinions.some(one => one.reached !== null) ? `${heardOf(opinions)}.` : sentence(heardOf(opinions))
  }
}

/** What others found when they were asked, as a part of a sentence. */
export function heardOf(opinions: readonly Opinion[]): string {
  const alive = reaching(opinions)
  if (alive.length > 0) return `${named(alive)} can reach the machine`
  const missing = opinions.filter(one => one.reached === 'none')
  if (missing.length === 0) return 'no other host could tell whether it lives'
  const found = `${named(missing)} cannot reach it`
  if (verdictOf(opinions) === 'dead') return found
  return `${found}; a second opinion is lacking, as ${named(opinions.filter(one => one.reached === null))} could not tell`
}

export interface LossRules {
  /** How long each kind of absence is only watched. */
  readonly patience_ms: Readonly<Record<AbsenceCause, number>>
  /** How soon others are asked anew. */
  readonly ask_again_ms: number
  /** What others saw longer ago than this does not cut anybody's power. */
  readonly fresh_ms: number
  /** Between attempts to cut a power, at most. */
  readonly fence_again_max_ms: number
}

export const lossRules: LossRules = {
  // By then nothing was heard for longer than two heartbeats. A restarted agent is back within a second or two, and one that dials another controller
  // after at most a quarter of a second, however many do so at once, within a few.
  patience_ms: { late: 0, silent: 0, closed: 4000, controller_gone: 10_000 },
  ask_again_ms: 5000,
  fresh_ms: 15_000,
  fence_again_max_ms: 30_000,
}

/**
 * Whether so much time has passed since then, by the database's clock. What was noted in a time that is still to come was noted before
 * that clock was set back: how long ago nobody knows, and nobody waits for it to come once more.
 */
export function isPast(since_ms: number, for_ms: number, now_ms: number): boolean {
  return now_ms >= since_ms + for_ms || now_ms < since_ms
}

/** What else bears on a host that is not there. */
export interface Circumstances {
  readonly linked: boolean
  /** How many highly available instances wait on it. */
  readonly waiting: number
  /** Its power can be cut. */
  readonly has_bmc: boolean
  /** By the arithmetic of the lease nothing of those can run on it any more. Never true where a host has no lease. */
  readonly lease_over: boolean
  /** Why nothing is fenced nor restarted now: the storm brake, controllers that are only just back. Null: nothing is in the way. */
  readonly held_back: string | null
  /** Its controller began anew under its id, and it is expected to dial again still: thousands take their time. */
  readonly expected: boolean
}

export type LossStep =
  | { do: 'wait'; until_ms: number | null; why: string }
  | { do: 'ask' }
  | { do: 'declare_dead' }
  | { do: 'fence' }
  | { do: 'note_lease_over' }
  | { do: 'restart' }

/** The one next step for a host that is not there. Times by the database's clock. */
export function nextStep(absence: Absence, around: Circumstances, now_ms: number, rules = lossRules): LossStep {
  if (absence.fenced_ms !== null) {
    if (around.held_back !== null) return { do: 'wait', until_ms: null, why: around.held_back }
    return around.waiting > 0 ? { do: 'restart' } : { do: 'wait', until_ms: null, why: 'All is done.' }
  }
  const patience_ms = rules.patience_ms[absence.cause]
  if (absence.asked_ms === null) {
    if (!isPast(absence.since_ms, patience_ms, now_ms))
      return { do: 'wait', until_ms: absence.since_ms + patience_ms, why: causes[absence.cause] }
    // Thousands of hosts that vanish at once, or are only about to dial again, would each be asked about, to no end.
    const why = around.held_back ?? (around.expected ? causes.controller_gone : null)
    if (why !== null && around.waiting === 0) return { do: 'wait', until_ms: null, why }
    return { do: 'ask' }
  }
  // One that is only late still holds its link.
  if (around.linked) return { do: 'wait', until_ms: null, why: causes.late }
  if (absence.dead_ms === null && verdictOf(absence.opinions) === 'dead') return { do: 'declare_dead' }
  if (around.held_back !== null) return { do: 'wait', until_ms: null, why: around.held_back }
  if (around.waiting === 0) return askAgain(absence, now_ms, rules, 'Nothing on it is to run elsewhere.')
  if (around.lease_over) return { do: 'note_lease_over' }
  if (absence.dead_ms !== null && around.has_bmc) {
    const again_ms = absence.fence_again_ms ?? now_ms
    if (now_ms < again_ms && again_ms <= now_ms + rules.fence_again_max_ms)
      return { do: 'wait', until_ms: again_ms, why: 'Its power is tried again soon, or its lease ends.' }
    // It was held back, or cutting failed for a while: by now it may be reached again.
    return isPast(absence.asked_ms, rules.fresh_ms + 1, now_ms) ? { do: 'ask' } : { do: 'fence' }
  }
  return askAgain(absence, now_ms, rules, 'Until its lease is over.')
}

/** Others may see more by now; of one that is dead nobody is asked any more before its power is to be cut. */
function askAgain(absence: Absence, now_ms: number, rules: LossRules, why: string): LossStep {
  if (absence.dead_ms !== null || absence.asked_ms === null) return { do: 'wait', until_ms: null, why }
  const again_ms = absence.asked_ms + rules.ask_again_ms
  return isPast(absence.asked_ms, rules.ask_again_ms, now_ms) ? { do: 'ask' } : { do: 'wait', until_ms: again_ms, why }
}

export interface StormRules {
  /** More than this share of a zone's hosts, per cent. */
  readonly share_percent: number
  /** And at least so many. */
  readonly hosts_min: number
}

/**
 * Whether so many hosts of a zone vanished at once that the network is to be suspected, and not they. `gone`: those that went
 * lately and are not fenced; `present`: those that are there.
 */
export function isStorm(gone: number, present: number, rules: StormRules): boolean {
  return gone >= rules.hosts_min && gone * 100 > rules.share_percent * (gone + present)
}

/** Hosts that went within this time of each other went at once. */
export const storm_window_ms = 120_000
