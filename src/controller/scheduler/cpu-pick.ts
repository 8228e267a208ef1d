/** Picks CPUs for vCPUs that get one each, by how they are to sit among the threads of cores. Pure. */
import type { ThreadPolicy } from '../../model/hardware.ts'
import type { HostHardware } from './hardware-fit.ts'

export interface FreeCpus {
  readonly taken: ReadonlySet<number>
  /** Those of these CPUs that can be somebody's own. */
  on(cpus: readonly number[]): number[]
  /** Cores, with those of their threads that are free, and how many they have. */
  readonly cores: readonly { readonly free: readonly number[]; readonly threads: number }[]
}

export function freeCpusOf({ taken, kept_cpus, cores }: Pick<HostHardware, 'taken' | 'kept_cpus' | 'cores'>): FreeCpus {
  const gone = new Set(taken.cpus)
  const blocked = new Set([...taken.cpus, ...kept_cpus])
  return {
    taken: gone,
    on: cpus => cpus.filter(cpu => !blocked.has(cpu)),
    cores: cores.map(core => ({ free: core.filter(cpu => !blocked.has(cpu)), threads: core.length })),
  }
}

export type Picked = { cpus: number[]; idle: number[]; why?: undefined } | { why: string }

/** `count` CPUs among those of one node, in ascending order within each core; with those that must stay idle for it. */
export function pickCpus(free: FreeCpus, node: readonly number[], count: number, threads: ThreadPolicy): Picked {
  const on = new Set(node)
  const here = free.cores
    .map(core => ({ ...core, free: core.free.filter(cpu => on.has(cpu)) }))
    .filter(core => core.free.length > 0)
  const whole = here.filter(core => core.free.length === core.threads)
  const partial = here.filter(core => core.free.length < core.threads)
  switch (threads) {
    case 'prefer':
      return preferCores(whole, partial, count)
    case 'isolate': {
      if (whole.length < count) return { why: `${count} whole cores in a NUMA node, ${whole.length} of one are free` }
      const cores = whole.slice(0, count).map(core => core.free)
      return { cpus: cores.flatMap(core => core.slice(0, 1)), idle: cores.flatMap(core => core.slice(1)) }
    }
    case 'require': {
      const threaded = whole.filter(core => core.threads > 1)
      const all = threaded.flatMap(core => core.free)
      if (all.length < count)
        return { why: `${count} threads of whole cores in a NUMA node, ${all.length} of one are free` }
      return { cpus: all.slice(0, count), idle: restOfCores(threaded, count) }
    }
    default:
      return threads satisfies never
  }
}

type Cores = readonly { readonly free: readonly number[] }[]

/** Threads of the last core taken that nobody was given. */
function restOfCores(cores: Cores, count: number): number[] {
  let left = count
  for (const { free } of cores) {
    if (left <= 0) break
    if (left < free.length) return free.slice(left)
    left -= free.length
  }
  return []
}

/** Whole cores as far as they are filled, then what is left of broken ones, and only then another whole one is broken. */
function preferCores(whole: Cores, partial: Cores, count: number): Picked {
  const cpus: number[] = []
  const unbroken: Cores[number][] = []
  for (const core of whole) {
    if (core.free.length <= count - cpus.length) cpus.push(...core.free)
    else unbroken.push(core)
  }
  for (const { free } of [...partial, ...unbroken]) cpus.push(...free.slice(0, count - cpus.length))
  if (cpus.length < count) return { why: `${count} CPUs of its own in a NUMA node, ${cpus.length} of one are free` }
  return { cpus, idle: [] }
}
