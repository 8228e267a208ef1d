/**
 * A guest that watches its own memory while it moves. One program in it rewrites some hundred pages all the time, and reads what it wrote before it
 * writes anew; and it has two copies of 8 MiB that it never touches again, and compares them. What it finds is on its console, beside what
 * its kernel complains of.
 */
import { readFileSync, statSync, watch } from 'node:fs'
import { dirname } from 'node:path'
import type { Host } from '../../test/lab/bed/bed.ts'
import { stumbled } from '../../test/lab/bed/moving.ts'

const console_dir = '/var/lib/croft/agent/console'
/** On two busy cores it says something every two or three seconds. */
const silent_ms = 45_000

/** It does not rest: what an emulator forgets is what a program writes that was not interrupted since the last round over the memory (design/0009). */
const program = `BEGIN {
  still = "0123456789abcde"
  while (length(still) < 8388608) still = still length(still) still
  copy = still
  for (i = 0; i < 4000; i++) value[i] = 0
  differed = pass = 0
  for (;;) {
    for (i = 0; i < 4000; i++) {
      if (value[i] != pass) differed++
      value[i] = pass + 1
    }
    pass++
    if (systime() == last) continue
    last = systime()
    print "REMEMBERS boots=" boots " pass=" pass " differed=" differed " still=" (still == copy ? "same" : "differs")
    fflush()
  }
}`

/** For the tiny image. It runs it at each boot, not once. The loop beside it is what guests of other tests do: programs that begin and end. */
export const rememberingScript = `#!/bin/sh
rm -f /var/lib/tiny/user-data-done
read -r boots </var/lib/tiny/boots
(while :; do usleep 100000; done) >/dev/null 2>&1 </dev/null &
awk -v boots="$boots" '${program}' >/dev/console 2>&1 </dev/null &
`

export interface Said {
  readonly boots: number
  /** Values that were not what it had written, since it booted. */
  readonly differed: number
  readonly still: boolean
}

const said = /REMEMBERS boots=(\d+) pass=\d+ differed=(\d+) still=(same|differs)/g

function textOf(path: string): string {
  try {
    return readFileSync(path, 'latin1')
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return ''
    throw error
  }
}

/** What a guest has on its console, on whichever host. */
export class Remembering {
  readonly #hosts: readonly Host[]
  readonly #uuid: string
  /** The kernel says when it says something: no line comes twice but as a copy that went over with the guest. */
  readonly #complaints = new Set<string>()

  constructor(hosts: readonly Host[], uuid: string) {
    this.#hosts = hosts
    this.#uuid = uuid
  }

  #log(host: Host): string {
    return host.path(`${console_dir}/${this.#uuid}.log`)
  }

  /** Its second word from now on: a whole round over its memory is between the two. null: it says nothing, or its kernel complains. */
  async next(host: Host, within_ms = silent_ms): Promise<Said | null> {
    const path = this.#log(host)
    const from = statSync(path, { throwIfNoEntry: false })?.size ?? 0
    const { promise, resolve } = Promise.withResolvers<Said | null>()
    const look = () => {
      const text = textOf(path).slice(from)
      if (new RegExp(stumbled).test(text)) resolve(null)
      const words = [...text.matchAll(said)]
      if (words.length < 2) return
      const [, boots, differed, still] = words.at(-1) ?? []
      resolve({ boots: Number(boots), differed: Number(differed), still: still === 'same' })
    }
    const timer = setTimeout(() => resolve(null), within_ms)
    const watcher = watch(dirname(path), look)
    look()
    return await promise.finally(() => {
      clearTimeout(timer)
      watcher.close()
    })
  }

  /** What its kernel complains of, since this was asked last. */
  complaints(): string[] {
    const pattern = new RegExp(stumbled)
    const lines = this.#hosts.flatMap(host => textOf(this.#log(host)).split(/\r?\n/))
    const fresh = lines.filter(line => pattern.test(line) && !this.#complaints.has(line))
    for (const line of fresh) this.#complaints.add(line)
    return [...new Set(fresh)]
  }
}
