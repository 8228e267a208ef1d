/**
 * libvirt's enumerations as words: states, their reasons, what events report. The place in a list is the number on the
 * wire. Source: libvirt-domain.h. A number that this client does not know yet becomes 'unknown'.
 */

export const domainStates = [
  'nostate',
  'running',
  'blocked',
  'paused',
  'shutdown',
  'shutoff',
  'crashed',
  'pmsuspended',
] as const
export type DomainState = (typeof domainStates)[number] | 'unknown'

/** Why a domain is in its state. */
export const stateReasons = {
  nostate: ['unknown'],
  running: [
    'unknown',
    'booted',
    'migrated',
    'restored',
    'from_snapshot',
    'unpaused',
    'migration_canceled',
    'save_canceled',
    'wakeup',
    'crashed',
    'postcopy',
    'postcopy_failed',
  ],
  blocked: ['unknown'],
  paused: [
    'unknown',
    'user',
    'migration',
    'save',
    'dump',
    'ioerror',
    'watchdog',
    'from_snapshot',
    'shutting_down',
    'snapshot',
    'crashed',
    'starting_up',
    'postcopy',
    'postcopy_failed',
  ],
  shutdown: ['unknown', 'user'],
  shutoff: ['unknown', 'shutdown', 'destroyed', 'crashed', 'migrated', 'saved', 'failed', 'from_snapshot', 'daemon'],
  crashed: ['unknown', 'panicked'],
  pmsuspended: ['unknown'],
  unknown: ['unknown'],
} as const satisfies Record<DomainState, readonly string[]>
export type StateReason = (typeof stateReasons)[DomainState][number] | 'unknown'

/** What a lifecycle event says happened, and how. */
export const lifecycleDetails = {
  defined: ['added', 'updated', 'renamed', 'from_snapshot'],
  undefined: ['removed', 'renamed'],
  started: ['booted', 'migrated', 'restored', 'from_snapshot', 'wakeup'],
  suspended: [
    'paused',
    'migrated',
    'ioerror',
    'watchdog',
    'restored',
    'from_snapshot',
    'api_error',
    'postcopy',
    'postcopy_failed',
  ],
  resumed: ['unpaused', 'migrated', 'from_snapshot', 'postcopy', 'postcopy_failed'],
  stopped: ['shutdown', 'destroyed', 'crashed', 'migrated', 'saved', 'failed', 'from_snapshot'],
  shutdown: ['finished', 'guest', 'host'],
  pmsuspended: ['memory', 'disk'],
  crashed: ['panicked', 'crashloaded'],
} as const
export type LifecycleChange = keyof typeof lifecycleDetails | 'unknown'
export type LifecycleDetail = (typeof lifecycleDetails)[keyof typeof lifecycleDetails][number] | 'unknown'
export const lifecycleChanges = Object.keys(lifecycleDetails) as (keyof typeof lifecycleDetails)[]

export const watchdogActions = ['none', 'pause', 'reset', 'poweroff', 'shutdown', 'debug', 'inject_nmi'] as const
export const ioErrorActions = ['none', 'pause', 'report'] as const
export const blockJobTypes = ['unknown', 'pull', 'copy', 'commit', 'active_commit', 'backup'] as const
export const blockJobStatuses = ['completed', 'failed', 'canceled', 'ready'] as const
export const agentStates = ['unknown', 'connected', 'disconnected'] as const
export const agentReasons = ['unknown', 'domain_started', 'channel'] as const
export const diskChangeReasons = ['changed_missing', 'dropped_missing'] as const
export const trayChanges = ['opened', 'closed'] as const
export const metadataKinds = ['description', 'title', 'element'] as const
export const memoryFailureRecipients = ['hypervisor', 'guest'] as const
export const memoryFailureActions = ['ignore', 'inject', 'fatal', 'reset'] as const
export const jobTypes = ['none', 'bounded', 'unbounded', 'completed', 'failed', 'cancelled'] as const
export const cpuComparisons = ['incompatible', 'identical', 'superset'] as const

export function nameOf<Name extends string>(names: readonly Name[], number: number): Name | 'unknown' {
  return names[number] ?? 'unknown'
}

export function stateOf(number: number): DomainState {
  return nameOf(domainStates, number)
}

export function reasonOf(state: DomainState, number: number): StateReason {
  return nameOf<StateReason>(stateReasons[state], number)
}
