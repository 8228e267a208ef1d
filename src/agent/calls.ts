/**
 * Carries out what a controller asks once: to show a console or its kept log, to set a password in a guest, to ask it something
 * (guest-desk.ts). Each stream dials out on a socket of its own, so
 * that bulk never delays control; pipes carry the back-pressure, but of what is typed at a console (consoles.ts).
 */
import { Duplex, type Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { TypedState } from '../model/console.ts'
import type { AgentCall, PasswordOutcome } from '../protocol/messages.ts'
import type { WantedInstance } from '../protocol/wanted.ts'
import { SharedConsoles } from './consoles.ts'
import { createGuestDesk } from './guest-desk.ts'
import { type BulkSocket, Failure, type Hypervisor, type LinkDialler, type Log } from './ports.ts'
import type { Probe } from './probe.ts'

const tailDefault_bytes = 64 * 1024
const tailMax_bytes = 8 * 1024 * 1024
/** Open streams on one host at a time. */
const streamsMax = 200
/** Of them for one instance: whoever has a link to one guest's console shuts nobody out of the other guests'. */
export const streamsOfInstanceMax = 24

/** Guests whose password is being set at one time; one that hangs takes its seconds. */
const passwordsMax = 3

type CallOf<Method extends AgentCall['method']> = Extract<AgentCall, { method: Method }>

export interface CallOptions {
  readonly hypervisor: Hypervisor
  readonly dialler: LinkDialler
  readonly instances: ReadonlyMap<string, WantedInstance>
  /** The guest is off, and nobody wants it to run. */
  readonly isOff: (id: string) => boolean
  readonly probe: Probe
  readonly log: Log
}

export interface Calls {
  /** Resolves once the act is under way; rejects with a sentence for the person who asked. */
  answer(params: AgentCall): Promise<unknown>
  /** A guest is off, or gone: whoever follows its log has seen it to the end. */
  readonly wentOff: (id: string) => void
  stop(): void
}

export function createCalls({ hypervisor, dialler, instances, isOff, probe, log }: CallOptions): Calls {
  const open = new Set<Duplex>()
  /** How many streams each instance has, those included that are only being opened. */
  const streams = new Map<string, number>()
  const followed = new Map<Duplex, { id: string; end: AbortController }>()
  const settingPasswords = new Set<string>()
  const consoles = new SharedConsoles(hypervisor)
  const projectOf = (id: string) => instances.get(id)?.metadata.project_id ?? ''
  const desk = createGuestDesk({ hypervisor, dialler, projectOf, log })

  function mustHave(id: string): void {
    if (!instances.has(id)) throw new Failure('This host has no such instance.')
  }

  async function setPassword({ instance_id, user, password }: CallOf<'set_password'>): Promise<PasswordOutcome> {
    mustHave(instance_id)
    if (settingPasswords.has(instance_id) || settingPasswords.size >= passwordsMax) return { outcome: 'busy' }
    settingPasswords.add(instance_id)
    try {
      return { outcome: await hypervisor.setPassword(instance_id, user, password) }
    } finally {
      settingPasswords.delete(instance_id)
    }
  }

  function sourceOf(params: CallOf<'stream'>, end: AbortSignal): Promise<Duplex | Readable> {
    switch (params.kind) {
      case 'console':
        return consoles.open(params.instance_id, params.replay_bytes ?? 0)
      case 'graphics':
        return hypervisor.openGraphics(params.instance_id, 'vnc')
      case 'spice':
        return hypervisor.openGraphics(params.instance_id, 'spice')
      case 'log':
        return hypervisor.readConsoleLog(params.instance_id, tailOf(params), params.follow === true ? end : null)
      default:
        return params.kind satisfies never
    }
  }

  async function carry(params: CallOf<'stream'>): Promise<unknown> {
    const id = params.instance_id
    mustHave(id)
    const leave = takePlace(id)
    let source: Duplex | Readable | undefined
    let socket: BulkSocket
    const end = new AbortController()
    try {
      source = await sourceOf(params, end.signal)
      // It may break before anything reads of it: the pipeline finds it destroyed, and nobody else listens.
      source.on('error', error => log.debug({ error, instance: id, kind: params.kind }, 'a stream’s source broke'))
      socket = await dialler.stream(params.url, params.token)
    } catch (error) {
      source?.destroy()
      leave()
      throw error
    }
    begin(params, { source, socket, end, leave })
    return {}
  }

  /** Counts it before anything is waited for. Returns how it is given up. */
  function takePlace(id: string): () => void {
    const sum = [...streams.values()].reduce((all, one) => all + one, 0)
    if (sum >= streamsMax) throw new Failure(`This host carries ${streamsMax} consoles and logs already.`)
    const count = streams.get(id) ?? 0
    if (count >= streamsOfInstanceMax) {
      throw new Failure(`This instance has ${count} consoles and logs open already. Close some, or end others’.`)
    }
    streams.set(id, count + 1)
    return () => {
      const left = (streams.get(id) ?? 1) - 1
      if (left > 0) streams.set(id, left)
      else streams.delete(id)
    }
  }

  function begin(
    { instance_id: id, kind }: CallOf<'stream'>,
    parts: { source: Duplex | Readable; socket: BulkSocket; end: AbortController; leave: () => void },
  ): void {
    const { source, socket, end, leave } = parts
    open.add(socket)
    followed.set(socket, { id, end })
    if (isOff(id)) end.abort()
    // Of a console: whether the guest reads what is typed.
    source.on('typed', (state: TypedState) => socket.tell?.(state))
    Promise.all([pipeline(source, socket), listen(socket, source)])
      .catch(error => log.debug({ error, instance: id, kind }, 'a stream ended early'))
      .finally(() => {
        leave()
        open.delete(socket)
        followed.delete(socket)
        source.destroy()
        socket.destroy()
      })
      .catch((): void => undefined)
    // Somebody who closes the page ends a log that is followed.
    socket.once('close', () => source.destroy())
  }

  return {
    answer(params) {
      switch (params.method) {
        case 'stream':
          return carry(params)
        case 'cpu_baseline':
          return hypervisor.cpuBaseline?.(params.cpus) ?? noCpus()
        case 'cpu_compare':
          return hypervisor.cpuCompare?.(params.cpu) ?? noCpus()
        case 'set_password':
          return setPassword(params)
        case 'guest':
          mustHave(params.instance_id)
          return desk.serve(params)
        case 'probe':
          return probe(params)
        default:
          return params satisfies never
      }
    },
    wentOff(id) {
      for (const one of followed.values()) if (one.id === id) one.end.abort()
    },
    stop() {
      desk.stop()
      for (const socket of open) socket.destroy()
    },
  }
}

function noCpus(): Promise<never> {
  return Promise.reject(new Failure('This host knows nothing of CPU models.'))
}

/** What the viewer types goes to a console; a log does not listen. */
async function listen(socket: Duplex, source: Duplex | Readable): Promise<void> {
  if (source instanceof Duplex) await pipeline(socket, source)
  else socket.resume()
}

function tailOf(params: CallOf<'stream'>): number {
  return Math.min(tailMax_bytes, Math.max(0, params.tail_bytes ?? tailDefault_bytes))
}
