/**
 * What an instance can be and do. The one table of moves is shared by server, façades, CLI and UI; the one function
 * `instanceState` derives the state that every API shows from what is wanted and what its host reported.
 */
export const instanceStates = [
  'starting',
  'running',
  'migrating',
  'rebooting',
  'stopping',
  'stopped',
  'paused',
  'error',
  'unknown',
  'deleting',
  'deleted',
] as const
export type InstanceState = (typeof instanceStates)[number]

export type PowerState = 'running' | 'stopped'

export interface Move {
  readonly from: readonly InstanceState[]
  /** What the move makes wanted; 'recover' and 'delete' change the deletion mark and not the power. */
  readonly wants: PowerState | 'deleted' | 'kept'
  /** A sentence that ends "…, so it cannot be X". */
  readonly why_not: string
}

/** What can be done while it moves to another host: nothing. */
export const whyNotWhileMoving =
  'it is being moved to another host. Wait until that has ended, or have an operator cancel it'

export const instanceMoves = {
  start: {
    from: ['stopped', 'stopping', 'error'],
    wants: 'running',
    why_not: 'only a stopped or failed instance can be started',
  },
  stop: {
    from: ['running', 'starting', 'rebooting', 'paused', 'error', 'unknown'],
    wants: 'stopped',
    why_not: 'only a running instance can be stopped',
  },
  reboot: {
    from: ['running', 'paused', 'error'],
    wants: 'running',
    why_not: 'only a running instance can be rebooted',
  },
  delete: {
    from: instanceStates.filter(state => !['deleted', 'deleting', 'migrating'].includes(state)),
    wants: 'deleted',
    why_not: 'it is deleted already, or on its way to another host',
  },
  recover: {
    from: ['deleted', 'deleting'],
    wants: 'kept',
    why_not: 'only a deleted instance can be recovered, and only until it is purged',
  },
  purge: {
    from: ['deleted', 'deleting'],
    wants: 'deleted',
    why_not: 'only a deleted instance can be purged; delete it first',
  },
} as const satisfies Record<string, Move>
export type InstanceMove = keyof typeof instanceMoves

export function mayMove(move: InstanceMove, state: InstanceState): boolean {
  return (instanceMoves[move].from as readonly InstanceState[]).includes(state)
}

/** What a host reports of a domain. 'absent': the host has nothing of it any more, neither domain nor disks. */
export type ObservedPower = 'absent' | 'running' | 'stopped' | 'paused' | 'crashed'

export interface InstanceWanted {
  readonly power: PowerState
  /** Grows with every change of what is wanted. */
  readonly generation: number
  readonly deleted: boolean
  /** From this generation on only its size has changed, with which a guest that runs goes on; null or absent: something else has. */
  readonly grows_from?: number | null
}

export interface InstanceObserved {
  readonly power: ObservedPower
  /** The wanted generation that the host had carried out, or failed at, when it reported. */
  readonly applied_generation: number
  /** Why the host could not do what is wanted, in plain words; null when it could. */
  readonly failure: string | null
}

/**
 * The state every API shows: a pure function of what is wanted, what is observed, whether its host answers, and whether it
 * is being moved to another. One that is deleted, not known or in error is shown as such all the same.
 */
export function instanceState(
  wanted: InstanceWanted,
  observed: InstanceObserved | null,
  hostAnswers: boolean,
  isMoving = false,
): InstanceState {
  const state = stateWhereItIs(wanted, observed, hostAnswers)
  return isMoving && (state === 'running' || state === 'paused' || state === 'stopped') ? 'migrating' : state
}

function stateWhereItIs(
  wanted: InstanceWanted,
  observed: InstanceObserved | null,
  hostAnswers: boolean,
): InstanceState {
  const applied = observed !== null && appliedOf(wanted, observed) >= wanted.generation
  if (wanted.deleted) {
    const off = observed === null || observed.power === 'stopped' || observed.power === 'absent'
    return off && applied ? 'deleted' : 'deleting'
  }
  if (!hostAnswers) return 'unknown'
  if (observed === null) return wanted.power === 'running' ? 'starting' : 'stopped'
  if (applied && observed.failure !== null) return 'error'
  if (wanted.power === 'stopped') {
    return observed.power === 'running' || observed.power === 'paused' ? 'stopping' : 'stopped'
  }
  if (!applied) return observed.power === 'running' ? 'rebooting' : 'starting'
  switch (observed.power) {
    case 'running':
      return 'running'
    case 'paused':
      return 'paused'
    case 'crashed':
      return 'error'
    case 'stopped':
    case 'absent':
      return 'starting'
    default:
      return observed.power satisfies never
  }
}

/** What its host has done of what is wanted, as far as states go: one that runs and is yet to be given its new size does what is wanted. */
function appliedOf({ grows_from = null, generation }: InstanceWanted, observed: InstanceObserved): number {
  const { applied_generation, power } = observed
  const runs = power === 'running' || power === 'paused'
  return runs && grows_from !== null && applied_generation >= grows_from
    ? Math.max(applied_generation, generation)
    : applied_generation
}
