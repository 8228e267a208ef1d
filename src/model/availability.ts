/** What becomes of an instance when its host is lost, or when its guest crashes. Words only; doing so is the hosts' and the controllers'. */
import type { FencingMethod } from './host-state.ts'

export const availabilities = ['restart', 'high'] as const
/** 'restart': its host brings it back. 'high': it is started on another host when its own is lost. */
export type Availability = (typeof availabilities)[number]

export const crashActions = ['restart', 'stop'] as const
export type CrashAction = (typeof crashActions)[number]

export const watchdogActions = ['none', 'reset', 'poweroff', 'pause', 'dump'] as const
export type WatchdogAction = (typeof watchdogActions)[number]

/** What a request may say of it, and a row has. */
export interface Recovery {
  availability: Availability
  ha_priority: number
  on_crash: CrashAction
  watchdog_action: WatchdogAction
}

/** Of a new instance. `guard_from`: the version of its details from which its host must guard it. */
export function recoveryOf(
  asked: {
    [Key in keyof Recovery]?: Recovery[Key] | undefined
  },
): Recovery & { guard_from: number | null } {
  const { availability = 'restart', ha_priority = 50, on_crash = 'restart', watchdog_action = 'none' } = asked
  return { availability, ha_priority, on_crash, watchdog_action, guard_from: availability === 'high' ? 0 : null }
}

/** What bears on whether a highly available instance is started elsewhere when its host is lost. */
export interface HaSituation {
  readonly availability: Availability
  readonly wanted_power: 'running' | 'stopped'
  readonly deleted: boolean
  /** Its host holds a newer version of it than is known here. */
  readonly held: boolean
  /** The version of its details from which its host must guard it, and the one by which it has said that it does. */
  readonly guard_from: number | null
  readonly guarded_version: number | null
  /** Of its host: whether it holds a link; whether its agent keeps leases; whether others have its pool. */
  readonly host_answers: boolean
  readonly keeps_leases: boolean
  readonly pool_shared: boolean
  /** Its host is off, by more than its lease, and starts nothing unasked when it is back. */
  readonly surely_off: boolean
  /** It was being sent when its host was lost, and the other host has not said yet that it has nothing of it. */
  readonly perhaps_elsewhere: boolean
  /** So many hosts of its zone vanished at once that nothing of them is started elsewhere. */
  readonly storm: boolean
  /** The name of its zone. */
  readonly zone: string
  /** It was to be started elsewhere since its host was lost, and no host could take it. */
  readonly no_room: boolean
  /** No other host of its zone has its pool, answers and takes instances, however much room there is. Not said of large pools. */
  readonly alone: boolean
}

/** The host of a state that is not known. */
export interface SilentHost {
  readonly host: string
  /** How it was made sure that what runs nowhere else is off there; null: it was not. */
  readonly fenced_by: FencingMethod | null
}

/** Why the state of an instance whose host does not answer is not known, or what is known of it. */
export function whyUnknown({ host, fenced_by }: SilentHost, at: HaSituation): string {
  const guarded = at.availability === 'high' && isGuarded(at)
  // A lease says only of guests that their host keeps to it that they have ended.
  if (fenced_by === null || (fenced_by === 'lease' && !guarded))
    return `The host ${host} does not answer. The instance may well be running; it is shown again when the host is back.`
  const off = at.wanted_power === 'stopped' ? 'is off' : 'was stopped by that'
  return `The host ${host} is lost, and ${fencedWords[fenced_by]}: the instance ${off}. ${whatNext(at)}`
}

function whatNext(at: HaSituation): string {
  if (at.wanted_power === 'stopped') return 'It is shown again when the host is back.'
  if (at.availability !== 'high')
    return 'It is started again with the host, or, where others have its disks, on another one when an operator has it evacuated.'
  if (haObstacle(at) === null) return 'It is started on another host.'
  return 'It is started again with the host, or on another as soon as nothing is in the way of that any more.'
}

const fencedWords: Readonly<Record<FencingMethod, string>> = {
  ipmi: 'its power was seen to be off',
  redfish: 'its power was seen to be off',
  person: 'somebody vouched that it is off',
  lease: 'its lease is over',
}

/** Why it would not be started elsewhere if its host were lost now, or is not although that is; null: it would be, or needs not. */
export function haObstacle(at: HaSituation): string | null {
  if (at.availability !== 'high' || at.deleted || at.wanted_power !== 'running') return null
  if (at.held)
    return 'Its host holds a newer version of it than the database. Settle that first (croft host get, disagreements).'
  if (!at.pool_shared)
    return 'Its disks are in a pool that no other host reaches. Move it to a host with a shared pool (croft pool list --shared).'
  // What its host will say in seconds is not told before what does not pass by itself.
  const is_passing = at.host_answers && at.keeps_leases
  if (!isGuarded(at) && !at.surely_off) return is_passing && at.alone ? noOtherHost : whyNotGuarded(at)
  if (at.perhaps_elsewhere && !at.host_answers) {
    return (
      'It was on its way to another host when its own was lost, and may run there. It is started anew as soon as that host has nothing of it, ' +
      'or surely does not run any more: fenced (croft host fence), or taken out as lost (croft host remove --lost). See croft migration list --open.'
    )
  }
  if (at.storm && !at.host_answers) {
    return (
      'Very many hosts of its zone vanished at once, so the network is suspected, and not they: nothing is started elsewhere until enough of ' +
      `them are back, or an operator says that they are truly down (croft zone override-storm ${at.zone}).`
    )
  }
  if (at.no_room && !at.host_answers)
    return 'No other host can take it; it is tried again by itself. What they lack: croft ha-restart list --instance, or its page.'
  return at.alone ? noOtherHost : null
}

const noOtherHost =
  'No other host could take it: those of its zone that reach its disks do not answer, are in maintenance or take no new instances, or there are none. ' +
  'Add one, bring one back, or let one take instances again (croft host list).'

function isGuarded({ guarded_version, guard_from }: HaSituation): boolean {
  return guarded_version !== null && guard_from !== null && guarded_version >= guard_from
}

function whyNotGuarded({ host_answers, keeps_leases }: HaSituation): string {
  if (!keeps_leases) {
    return 'The agent of its host keeps no leases: it would run it on, and bring it up again by itself. Upgrade Croft on that host.'
  }
  if (host_answers) {
    return 'Its host has not said yet that its watchdog guards it, which takes seconds. If it stays so: the log of its agent says why.'
  }
  return (
    'Its host did not hear that it is highly available before it fell silent: it may run it on. It goes on when that host is back; or elsewhere, ' +
    'once the host is seen to be off (croft host fence), if that one asks before it starts anything.'
  )
}
