/**
 * Looks all along whether a guest computes on two hosts at once. By the time that the kernel has given to the virtual processors of its
 * processes, which is there whatever became of libvirtd and agents: those of a paused guest, or of one that has not come yet, get none.
 */
import { readdirSync, readFileSync } from 'node:fs'
import type { Host } from './bed.ts'
import { processesOf } from './held.ts'

const every_ms = 300
/** A guest with something to do takes many times this; what a paused one is woken for, far less. */
const ran_ns = 3_000_000

export class Witness {
  readonly #hosts: readonly Host[]
  /** Nanoseconds so far, by thread. */
  readonly #seen = new Map<Host, ReadonlyMap<string, number>>()
  readonly #timer: NodeJS.Timeout
  #both = 0
  /** How often it was seen to compute, by host. */
  readonly looks = new Map<Host, number>()
  /** Two looks in a row on both hosts: no hand-over is seen twice. */
  twice = 0

  constructor(hosts: readonly Host[]) {
    this.#hosts = hosts
    this.#timer = setInterval(() => this.#look(), every_ms)
  }

  end(): void {
    clearInterval(this.#timer)
  }

  #look(): void {
    const where = this.#hosts.filter(host => this.#ran(host))
    for (const host of where) this.looks.set(host, (this.looks.get(host) ?? 0) + 1)
    this.#both = where.length > 1 ? this.#both + 1 : 0
    if (this.#both > 1) this.twice++
  }

  #ran(host: Host): boolean {
    const before = this.#seen.get(host)
    const threads = processorTimes(host)
    const gained_ns = [...threads].reduce((sum, [id, ns]) => sum + Math.max(0, ns - (before?.get(id) ?? ns)), 0)
    this.#seen.set(host, threads)
    return gained_ns > ran_ns
  }
}

/** QEMU names its threads `CPU n/TCG` or `CPU n/KVM` (libvirt asks for it); schedstat's first figure is the time on a processor. */
function processorTimes(host: Host): Map<string, number> {
  const times = new Map<string, number>()
  for (const pid of processesOf(host).values()) {
    try {
      if (readFileSync(`/proc/${pid}/comm`, 'utf8').trim() !== 'qemu-system-x86') continue
      for (const thread of readdirSync(`/proc/${pid}/task`)) {
        const at = `/proc/${pid}/task/${thread}`
        if (!readFileSync(`${at}/comm`, 'utf8').startsWith('CPU ')) continue
        times.set(`${pid}/${thread}`, Number(readFileSync(`${at}/schedstat`, 'utf8').split(' ')[0]))
      }
    } catch {
      // It has ended meanwhile.
    }
  }
  return times
}
