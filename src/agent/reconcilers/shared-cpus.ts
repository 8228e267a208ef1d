/**
 * Keeps guests without CPUs of their own off those that are somebody's. Which are, follows from what is wanted on this host; a pass
 * looks at that and moves guests that run when it has changed. Not its job: guests' own pins, which never change.
 */
import type { Clock } from '../../lib/clock.ts'
import type { WantedInstance } from '../../protocol/wanted.ts'
import { Away, type Hypervisor, type Log, type SharedCpus } from '../ports.ts'
import { createWorker } from './worker.ts'

/** The host's CPUs, by NUMA node. */
export interface HostCpus {
  readonly all: readonly number[]
  readonly nodes: readonly { readonly node: number; readonly cpus: readonly number[] }[]
}

export interface SharedCpusOptions {
  readonly hypervisor: Hypervisor
  readonly clock: Clock
  readonly log: Log
  readonly instances: ReadonlyMap<string, WantedInstance>
  readonly cpus: HostCpus | null
  /** Those that run here now, as far as the agent knows. */
  readonly runs: (id: string) => boolean
}

export interface SharedCpusReconciler {
  /** For a guest that is about to be defined. */
  now(): SharedCpus | null
  wake(): void
  stop(): Promise<void>
}

const again_ms = 30_000

/** CPUs that are somebody's own, or idle for somebody, whether that guest runs or not. */
export function ownCpus(instances: Iterable<WantedInstance>): Set<number> {
  const own = new Set<number>()
  for (const { power, hardware } of instances) {
    if (power === 'deleted' || power === 'purged') continue
    for (const cpu of hardware?.cells?.flatMap(cell => cell.cpus) ?? []) own.add(cpu)
    for (const cpu of hardware?.idle_cpus ?? []) own.add(cpu)
  }
  return own
}

/** All that is nobody's; all there is, if nothing were left. */
export function sharedOf({ all, nodes }: HostCpus, own: ReadonlySet<number>): SharedCpus {
  const left = all.filter(cpu => !own.has(cpu))
  return {
    all: left.length > 0 ? left : all,
    nodes: new Map(nodes.map(({ node, cpus }) => [node, cpus.filter(cpu => !own.has(cpu))])),
  }
}

export function createSharedCpus(options: SharedCpusOptions): SharedCpusReconciler {
  const { hypervisor, clock, log, instances, cpus, runs } = options
  /** What guests that run were last told; they start with nothing kept from them. */
  let told = ''
  const worker = createWorker(clock, pass)

  async function pass(): Promise<void> {
    if (cpus === null) return
    const own = ownCpus(instances.values())
    const next = [...own].sort((a, b) => a - b).join()
    if (next === told) return
    const shared = sharedOf(cpus, own)
    try {
      for (const instance of instances.values()) {
        const pinned = instance.hardware?.cells?.some(cell => cell.cpus.length > 0)
        if (!pinned && runs(instance.id)) await hypervisor.confine(instance, shared)
      }
      told = next
    } catch (error) {
      // Its return is an event that wakes this again.
      if (error instanceof Away) return
      log.error({ error }, 'guests cannot be kept off CPUs that are somebody’s own; trying again')
      worker.wakeAfter('all', again_ms)
    }
  }

  return {
    now() {
      if (cpus === null) return null
      const own = ownCpus(instances.values())
      const somewhere = [...instances.values()].some(each => each.hardware?.cells?.length)
      return own.size === 0 && !somewhere ? null : sharedOf(cpus, own)
    },
    wake: () => worker.wake('all'),
    stop: worker.stop,
  }
}
