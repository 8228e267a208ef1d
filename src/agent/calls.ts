/**
 * Carries out what a controller asks once: to show a console or its kept log. Each stream dials out on a socket of its own, so
 * that bulk never delays control; pipes carry the back-pressure both ways.
 */
import { Duplex, type Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { AgentCall } from '../protocol/messages.ts'
import type { WantedInstance } from '../protocol/wanted.ts'
import { Failure, type Hypervisor, type LinkDialler, type Log } from './ports.ts'

const tailDefault_bytes = 64 * 1024
const tailMax_bytes = 8 * 1024 * 1024
/** Open streams on one host at a time. */
const streamsMax = 200

export interface CallOptions {
  readonly hypervisor: Hypervisor
  readonly dialler: LinkDialler
  readonly instances: ReadonlyMap<string, WantedInstance>
  readonly log: Log
}

export interface Calls {
  /** Resolves once the act is under way; rejects with a sentence for the person who asked. */
  answer(params: AgentCall): Promise<unknown>
  stop(): void
}

export function createCalls({ hypervisor, dialler, instances, log }: CallOptions): Calls {
  const open = new Set<Duplex>()

  async function carry(params: AgentCall): Promise<unknown> {
    if (!instances.has(params.instance_id)) throw new Failure('This host has no such instance.')
    if (open.size >= streamsMax) throw new Failure(`This host carries ${streamsMax} consoles and logs already.`)
    const source =
      params.kind === 'console'
        ? await hypervisor.openConsole(params.instance_id)
        : await hypervisor.readConsoleLog(params.instance_id, tailOf(params), params.follow === true)
    let socket: Duplex
    try {
      socket = await dialler.stream(params.url, params.token)
    } catch (error) {
      source.destroy()
      throw error
    }
    open.add(socket)
    Promise.all([pipeline(source, socket), listen(socket, source)])
      .catch(error => log.debug({ error, instance: params.instance_id, kind: params.kind }, 'a stream ended early'))
      .finally(() => {
        open.delete(socket)
        source.destroy()
        socket.destroy()
      })
      .catch((): void => undefined)
    // Somebody who closes the page ends a log that is followed.
    socket.once('close', () => source.destroy())
    return {}
  }

  return {
    answer(params) {
      switch (params.method) {
        case 'stream':
          return carry(params)
        default:
          return params.method satisfies never
      }
    },
    stop() {
      for (const socket of open) socket.destroy()
    },
  }
}

/** What the viewer types goes to a console; a log does not listen. */
async function listen(socket: Duplex, source: Duplex | Readable): Promise<void> {
  if (source instanceof Duplex) await pipeline(socket, source)
  else socket.resume()
}

function tailOf(params: AgentCall): number {
  return Math.min(tailMax_bytes, Math.max(0, params.tail_bytes ?? tailDefault_bytes))
}
