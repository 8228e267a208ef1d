/**
 * Holds a move at one of its steps, for as long as a test wants to do something there: whoever would take the next step is stopped (SIGSTOP),
 * and what both agents have on disk says which step it is. Nothing of this is a matter of time.
 */
import { readdirSync, readFileSync, readlinkSync, watch } from 'node:fs'
import { stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Move, MoveStage } from '../../../src/agent/reconcilers/move.ts'
import type { Host } from './bed.ts'
import { servicePids } from './services.ts'

const within_ms = 90_000

function spaceOf(pid: number | string): string | null {
  try {
    return readlinkSync(`/proc/${pid}/ns/pid`)
  } catch {
    // It has ended meanwhile.
    return null
  }
}

/** Process ids of a host's, as the machine counts them, by how the host counts them. */
export function processesOf(host: Host): Map<number, number> {
  const found = new Map<number, number>()
  if (!host.powered) return found
  const ours = spaceOf(host.pid)
  for (const pid of readdirSync('/proc')) {
    if (ours === null || !/^\d+$/.test(pid) || spaceOf(pid) !== ours) continue
    try {
      const inner = /^NSpid:.*\t(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))
      if (inner) found.set(Number(inner[1]), Number(pid))
    } catch {
      // It has ended meanwhile.
    }
  }
  return found
}

/** A service of a host, as it runs now, that a test stops and lets go on. */
export class Held {
  readonly #pid: number
  #stopped = false

  constructor(pid: number) {
    this.#pid = pid
  }

  /** At once: nothing of it runs any more when this returns. */
  stop(): void {
    this.#stopped = true
    process.kill(this.#pid, 'SIGSTOP')
  }

  goOn(): void {
    if (this.#stopped) this.#signal('SIGCONT')
    this.#stopped = false
  }

  /** SIGKILL, which takes what is stopped, too. */
  kill(): void {
    this.#stopped = false
    this.#signal('SIGKILL')
  }

  #signal(signal: NodeJS.Signals): void {
    try {
      process.kill(this.#pid, signal)
    } catch (error) {
      // With its host's power.
      if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error
    }
  }
}

/** Those of a host that have a part in moves. */
export async function heldOf(host: Host): Promise<{ agent: Held; libvirtd: Held }> {
  const find = await finder(host)
  return { agent: find('croft-agent'), libvirtd: find('croft-libvirtd') }
}

export async function heldController(host: Host): Promise<Held> {
  return (await finder(host))('croft-controller')
}

async function finder(host: Host): Promise<(service: string) => Held> {
  const services = await servicePids(host)
  const outside = processesOf(host)
  return service => {
    const pid = outside.get(services.get(service) ?? 0)
    if (pid === undefined) throw new Error(`${service} does not run on ${host.name}`)
    return new Held(pid)
  }
}

/** Looks at first and at every change of what is in a folder of a host, until `found` is; then does the next thing at once. */
async function untilFound<T>(folder: string, what: string, look: () => T | null, next = () => {}): Promise<T> {
  const { promise, resolve, reject } = Promise.withResolvers<T>()
  const tryIt = () => {
    try {
      const found = look()
      if (found === null) return
      next()
      resolve(found)
    } catch (error) {
      reject(error)
    }
  }
  const timer = setTimeout(() => reject(new Error(`${what} was not seen in ${within_ms} ms`)), within_ms)
  const watcher = watch(folder, tryIt)
  tryIt()
  return await promise.finally(() => {
    clearTimeout(timer)
    watcher.close()
  })
}

const book = '/var/lib/croft/agent/moves'

/** What the host's agent has written of this move; null: nothing. */
export function bookOf(host: Host, instance_id: string, migration_id: string): Move | null {
  const text = textOf(join(host.path(book), `${instance_id}.json`))
  const move = text === '' ? null : (JSON.parse(text) as Move)
  return move?.migration_id === migration_id ? move : null
}

/** Of a file that may not be there. */
function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return ''
    throw error
  }
}

/** As soon as the host's agent has written that it is there. */
export async function untilStage(
  host: Host,
  [instance_id, migration_id]: readonly [string, string],
  stage: MoveStage,
  next?: () => void,
): Promise<void> {
  const look = () => (bookOf(host, instance_id, migration_id)?.stage === stage ? true : null)
  await untilFound(host.path(book), `stage ${stage} on ${host.name}`, look, next)
}

/** How far libvirt is with what its own source side does, by its record of the domain: it performs, or has. */
export async function untilPhase(host: Host, domain: string, phase: 'perform3' | 'perform3_done'): Promise<void> {
  const folder = host.path('/run/libvirt/qemu')
  const look = () => (textOf(join(folder, `${domain}.xml`)).includes(`phase='${phase}'`) ? true : null)
  await untilFound(folder, `phase ${phase} of libvirt on ${host.name}`, look)
}

const agentLog = '/var/log/croft/croft-agent.log'

/** What it answers waits for something that the host's agent logs from now on. */
export async function agentLogs(host: Host): Promise<(text: string) => Promise<void>> {
  const path = host.path(agentLog)
  const { size } = await stat(path)
  return async text => {
    const look = () => (readFileSync(path).subarray(size).includes(text) ? true : null)
    await untilFound(dirname(path), `"${text}" of the agent on ${host.name}`, look)
  }
}
