/**
 * Decides the next act for one instance from what is wanted, what was done and what the hypervisor has. Pure: it touches
 * nothing, so that every situation can be tested. Carrying out is instance.ts's job.
 *
 * A reboot is a shutdown (soft) or a cut (hard) and then a start of a new QEMU: each half can be seen from outside, so that
 * after a kill of the agent at any moment it is known whether it happened.
 */
import type { InstanceReport } from '../../protocol/messages.ts'
import type { WantedInstance } from '../../protocol/wanted.ts'
import type { Domain } from '../ports.ts'
import type { Done } from './done.ts'

/** After so many crashes in a row it is started again, and after one more no longer; a guest that ran this long without one starts counting anew. */
export const crashesMax = 5
export const crashMemory_ms = 10 * 60_000
/** The power button is pressed again this often: a guest that was still booting did not hear the first time. */
export const pressAgain_ms = 10_000

export interface Situation {
  readonly wanted: WantedInstance
  readonly done: Done
  readonly domain: Domain | null
  readonly now_ms: number
  readonly boot_id: string
  /** When it was killed last because the host's lease ran out, RFC 3339. */
  readonly killed_at?: string | null
}

export type Act = 'start' | 'resume' | 'grow' | 'askShutdown' | 'cut' | 'undefine' | 'purge'

export interface Plan {
  /** To be on disk before the act; the very same object as given when nothing changes. */
  readonly done: Done
  readonly act: Act | null
  /** When to look again though nothing happened; null: never. */
  readonly again_at_ms: number | null
  /** Why nothing can be done, in plain words. */
  readonly refused: string | null
}

export function planInstance(at: Situation): Plan {
  if (at.domain !== null && !at.domain.ours) return refuseForeign(at, at.domain)
  switch (at.wanted.power) {
    case 'running':
      return isAlive(at.domain) ? keepRunning(at, at.domain) : bringUp(at)
    case 'stopped':
      return isAlive(at.domain) ? bringDown(at) : settle(at, { ...at.done, ...atRest })
    case 'deleted':
      if (isAlive(at.domain)) return act(at, 'cut')
      return at.domain !== null ? act(at, 'undefine') : settle(at, { ...at.done, ...atRest })
    case 'purged':
      if (isAlive(at.domain)) return act(at, 'cut')
      if (at.domain !== null) return act(at, 'undefine')
      return at.done.purged ? settle(at, { ...at.done, ...atRest }) : act(at, 'purge')
    default:
      return at.wanted.power satisfies never
  }
}

/** It ran in this boot by our doing, should go on, and is off: by itself, by a crash, or with a host that shuts down. */
export function wentOffUnasked({ wanted, done, domain, boot_id }: Situation): boolean {
  const asked = done.applied_generation < wanted.generation || done.shutdown !== null || done.reboot !== null
  return wanted.power === 'running' && !asked && !isAlive(domain) && done.ran_in_boot === boot_id
}

/** The record once the hypervisor said that the guest runs: every reboot wanted until now is served by this start. */
export function started(at: Situation): Done {
  return {
    ...at.done,
    applied_generation: at.wanted.generation,
    failure: null,
    refused: false,
    ran_in_boot: at.boot_id,
    started_at: new Date(at.now_ms).toISOString(),
    at_start: { killed_at: at.killed_at ?? null, fired_at: at.done.watchdog?.fired_at ?? null },
    stopped_by_guest: null,
    reboots_done: Math.max(at.done.reboots_done, at.wanted.reboot_count),
    reboot: null,
    shutdown: null,
    purged: false,
    size: sizeOf(at.wanted),
  }
}

export function sizeOf({ vcpus, memory_mib }: WantedInstance): NonNullable<Done['size']> {
  return { vcpus, memory_mib }
}

/** What the controller is told. */
export function reportInstance(
  at: Pick<Situation, 'wanted' | 'done' | 'domain'>,
  progress: InstanceReport['progress'],
): InstanceReport {
  const alive = at.domain?.ours === true && isAlive(at.domain)
  return {
    id: at.wanted.id,
    applied_generation: at.done.applied_generation,
    power: alive ? (at.domain?.power as 'running' | 'paused' | 'crashed') : powerWhenOff(at),
    failure: at.done.failure,
    ...(at.done.failure !== null && at.done.refused && { refused: true }),
    progress,
    started_at: alive ? at.done.started_at : null,
    guest_addresses: [],
    stopped_by_guest: !alive && at.done.stopped_by_guest === at.wanted.generation,
    ...shownOnce('crashes', crashesOf(at, alive)),
    ...shownOnce('watchdog', at.done.watchdog ?? null),
    ...(at.wanted.power === 'purged' && at.done.purged && at.done.disks.length > 0 && { kept_volumes: at.done.disks }),
  }
}

/** Nothing is said of what never was. */
function shownOnce<K extends string, T>(key: K, value: T | null | undefined): { [key in K]?: T } {
  return value == null ? {} : ({ [key]: value } as { [key in K]?: T })
}

function powerWhenOff({ wanted, done }: Pick<Situation, 'wanted' | 'done'>): 'absent' | 'crashed' | 'stopped' {
  if (wanted.power === 'purged' && done.purged) return 'absent'
  return wanted.power === 'running' && leftOff(wanted, done) ? 'crashed' : 'stopped'
}

function keepRunning(at: Situation, domain: Domain): Plan {
  const { wanted, done, now_ms } = at
  // A guest whose memory was lost on its way between two hosts is as good as crashed.
  if (domain.power === 'crashed' || domain.moving === 'broken') return act(at, 'cut')
  if (done.reboot?.stage === 'up') {
    return settle(at, { ...started(at), reboots_done: Math.max(done.reboots_done, done.reboot.count) })
  }
  if (done.reboot !== null || wanted.reboot_count > done.reboots_done) return rebootDown(at)
  if (domain.power === 'paused') {
    if (done.applied_generation < wanted.generation || domain.left_paused === true) return act(at, 'resume')
    return settle(at, { ...done, ran_in_boot: at.boot_id, failure: domain.paused_reason })
  }
  // Less than it has waits for its next start.
  if (grows(at)) return act(at, 'grow')
  // An earlier wish to stop may still be on its way through the guest: until then its going off is our doing, not its own.
  const shutdown = done.shutdown !== null && now_ms < done.shutdown.deadline_ms ? done.shutdown : null
  const kept = { ...done, failure: null, ran_in_boot: at.boot_id, stopped_by_guest: null, shutdown, purged: false }
  return settle(at, kept, shutdown?.deadline_ms ?? null)
}

/** Of a guest that came from another host it is not known what it has: growing looks for itself, and gives it only what is missing. */
function grows({ wanted, done: { size, applied_generation } }: Situation): boolean {
  if (size !== null) return wanted.vcpus > size.vcpus || wanted.memory_mib > size.memory_mib
  const may = wanted.hardware?.vcpus_max !== undefined || wanted.hardware?.memory_max_mib !== undefined
  return may && applied_generation < wanted.generation
}

function rebootDown(at: Situation): Plan {
  const { wanted, done } = at
  const reboot = { count: wanted.reboot_count, stage: 'down' as const }
  const noted = done.reboot?.count === reboot.count ? done : { ...done, reboot }
  return wanted.reboot_kind === 'hard' ? act({ ...at, done: noted }, 'cut') : bringDown({ ...at, done: noted })
}

function bringDown(at: Situation): Plan {
  const { wanted, done, now_ms } = at
  const patience_ms = wanted.stop_timeout_s * 1000
  // A clock that was set back since must not lengthen it, by more than once more.
  const fresh = done.shutdown?.generation !== wanted.generation || done.shutdown.deadline_ms > now_ms + patience_ms
  const shutdown = fresh
    ? { generation: wanted.generation, deadline_ms: now_ms + patience_ms }
    : (done.shutdown ?? { generation: wanted.generation, deadline_ms: now_ms })
  if (now_ms >= shutdown.deadline_ms) return act({ ...at, done: fresh ? { ...done, shutdown } : done }, 'cut')
  const again_at_ms = Math.min(shutdown.deadline_ms, now_ms + pressAgain_ms)
  return { done: fresh ? { ...done, shutdown } : done, act: 'askShutdown', again_at_ms, refused: null }
}

function bringUp(at: Situation): Plan {
  const { wanted, done, domain, now_ms } = at
  if (done.reboot !== null) {
    return act(
      { ...at, done: done.reboot.stage === 'up' ? done : { ...done, reboot: { ...done.reboot, stage: 'up' } } },
      'start',
    )
  }
  const isNews = done.applied_generation < wanted.generation
  if (isNews || done.shutdown !== null) {
    const clean = done.shutdown === null && done.stopped_by_guest === null && done.crashes === 0
    return act({ ...at, done: clean ? done : { ...done, shutdown: null, stopped_by_guest: null, crashes: 0 } }, 'start')
  }
  if (done.stopped_by_guest === wanted.generation) return settle(at, done)
  if (done.ran_in_boot === null) return startAfterCrash(at)
  // It ran by our doing and is off now. A power cut of the host explains it when the boot is another one.
  if (done.ran_in_boot !== at.boot_id) return act({ ...at, done: { ...done, ran_in_boot: null } }, 'start')
  // Killed because the host's lease was over: no crash of its own. It is started when it may be again.
  if (wasKilled(at)) return act({ ...at, done: { ...done, ran_in_boot: null } }, 'start')
  if (domain?.off_reason === 'guest' || poweredOff(at)) {
    return settle(at, { ...done, ran_in_boot: null, failure: null, stopped_by_guest: wanted.generation })
  }
  const crashes = now_ms - done.crashed_at_ms > crashMemory_ms ? 1 : done.crashes + 1
  return startAfterCrash({ ...at, done: { ...done, ran_in_boot: null, crashes, crashed_at_ms: now_ms } })
}

/** By its watchdog, which was to do just that; libvirt tells it from a crash as little as from any end of a process. */
function poweredOff({ done }: Situation): boolean {
  return done.watchdog?.action === 'poweroff' && isOfThisStart(done.watchdog.fired_at, done, done.at_start?.fired_at)
}

function wasKilled({ done, killed_at }: Situation): boolean {
  return killed_at != null && isOfThisStart(killed_at, done, done.at_start?.killed_at)
}

/** `before`: what there was of it at that start. */
function isOfThisStart(at: string, { started_at }: Done, before: string | null | undefined): boolean {
  if (before !== undefined) return at !== before
  return started_at === null || Date.parse(at) >= Date.parse(started_at)
}

function startAfterCrash(at: Situation): Plan {
  const { wanted, done, now_ms } = at
  if (done.crashes > 0 && wanted.on_crash === 'stop') {
    return settle(at, {
      ...done,
      failure: 'The guest crashed, and is left off, as is wanted of it (on_crash: stop). Start it to go on.',
    })
  }
  if (gaveUp(wanted, done)) {
    const failure = `The guest crashed ${done.crashes} times in a row, so it is left off. See its console log for the cause; starting it tries again.`
    return settle(at, { ...done, failure })
  }
  const start_at_ms = triedAgainAt(done)
  // Before it crashed: the clock was set back since.
  const waits = now_ms >= done.crashed_at_ms && now_ms < start_at_ms
  if (done.crashes > 0 && waits) return { done, act: null, again_at_ms: start_at_ms, refused: null }
  return act(at, 'start')
}

/** Ever later: at once, then after 1, 2, 4, … s. */
function triedAgainAt({ crashes, crashed_at_ms }: Done): number {
  return crashed_at_ms + (crashes <= 1 ? 0 : 1000 * 2 ** (crashes - 2))
}

function crashesOf({ wanted, done }: Pick<Situation, 'wanted' | 'done'>, alive: boolean): InstanceReport['crashes'] {
  if (done.crashes === 0 || wanted.power !== 'running') return null
  const given_up = !alive && leftOff(wanted, done)
  const next_ms = alive || given_up ? null : triedAgainAt(done)
  return {
    count: done.crashes,
    last_at: new Date(done.crashed_at_ms).toISOString(),
    next_try_at: next_ms === null ? null : new Date(next_ms).toISOString(),
    given_up,
  }
}

/** What is left to say of an instance that is off because that is wanted. */
const atRest = {
  failure: null,
  ran_in_boot: null,
  stopped_by_guest: null,
  reboot: null,
  shutdown: null,
  crashes: 0,
} as const satisfies Partial<Done>

/** It crashed, and is not started again. */
function leftOff(wanted: WantedInstance, done: Done): boolean {
  const stays = wanted.on_crash === 'stop' && done.crashes > 0 && done.ran_in_boot === null && done.failure !== null
  return gaveUp(wanted, done) || (stays && done.applied_generation >= wanted.generation)
}

function gaveUp(wanted: WantedInstance, done: Done): boolean {
  return done.crashes > crashesMax && done.applied_generation >= wanted.generation
}

function isAlive(domain: Domain | null): domain is Domain {
  return domain !== null && domain.power !== 'off'
}

function act({ done }: Situation, what: Act): Plan {
  return { done, act: what, again_at_ms: null, refused: null }
}

function settle(at: Situation, next: Done, again_at_ms: number | null = null): Plan {
  const done = { ...next, applied_generation: at.wanted.generation }
  return { done: sameDone(at.done, done) ? at.done : done, act: null, again_at_ms, refused: null }
}

function refuseForeign({ done }: Situation, domain: Domain): Plan {
  const refused = `A domain with this instance's id ("${domain.name}") is on the host, but Croft did not make it and leaves it alone. Undefine it with virsh, or delete this instance.`
  return { done, act: null, again_at_ms: null, refused }
}

function sameDone(a: Done, b: Done): boolean {
  return (Object.keys(b) as (keyof Done)[]).every(
    key => a[key] === b[key] || JSON.stringify(a[key]) === JSON.stringify(b[key]),
  )
}
