/** What processes cost, from Linux's proc(5): CPU time and memory of a process with all its descendants. */
import { readdir, readFile } from 'node:fs/promises'

/** USER_HZ, which Linux has fixed at 100 towards programs. */
const tick_ms = 10

interface Stat {
  ppid: number
  /** Of the process, and of its children that have ended. */
  cpu_ms: number
}

async function readStat(pid: number, proc: string): Promise<Stat | null> {
  const text = await readFile(`${proc}/${pid}/stat`, 'utf8').catch((): null => null)
  if (text === null) return null
  // The name may hold blanks and brackets: what counts comes after the last bracket.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  const ticks = [11, 12, 13, 14].reduce((sum, at) => sum + Number(fields[at]), 0)
  return { ppid: Number(fields[1]), cpu_ms: ticks * tick_ms }
}

/** The process and all that descend from it. `proc`: another place of /proc, for processes as a namespace counts them. */
async function processTree(pid: number, proc: string): Promise<number[]> {
  const parents = new Map<number, number>()
  for (const name of await readdir(proc)) {
    if (!/^\d+$/.test(name)) continue
    const stat = await readStat(Number(name), proc)
    if (stat) parents.set(Number(name), stat.ppid)
  }
  const tree = [pid]
  for (const parent of tree) {
    for (const [child, ppid] of parents) if (ppid === parent) tree.push(child)
  }
  return tree
}

/** User and system time of whole trees, milliseconds. */
export async function cpuOfTrees(pids: readonly number[], proc = '/proc'): Promise<number> {
  const trees = await Promise.all(pids.map(pid => processTree(pid, proc)))
  const stats = await Promise.all(trees.flat().map(one => readStat(one, proc)))
  return stats.reduce((sum, stat) => sum + (stat?.cpu_ms ?? 0), 0)
}

/** Proportional set size of the whole tree, MiB: memory that several share is counted once, in parts. */
export async function pssOfTree(pid: number, proc = '/proc'): Promise<number> {
  let sum_kib = 0
  for (const one of await processTree(pid, proc)) {
    const text = await readFile(`${proc}/${one}/smaps_rollup`, 'utf8').catch(() => '')
    sum_kib += Number(/^Pss:\s+(\d+) kB/m.exec(text)?.[1] ?? 0)
  }
  return sum_kib / 1024
}
