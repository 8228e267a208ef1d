/**
 * Bulk data from agents (console, log) on sockets of their own. A controller that needs one asks the host, through
 * whichever controller holds its link, to dial back here with a one-time token.
 */
import type { WebSocket } from 'ws'
import type { Clock } from '../../lib/clock.ts'
import { CloudError } from '../../model/errors.ts'
import { makeId, type Random } from '../cloud.ts'
import { channels, type Database } from '../store/database.ts'
import { event } from '../store/event.ts'

export type StreamAsked =
  | { kind: 'console'; instance_id: string }
  | { kind: 'log'; instance_id: string; tail_bytes: number; follow: boolean }

interface Awaited {
  host_id: string
  arrived(socket: WebSocket): void
}

const dial_ms_max = 10_000

export class AgentStreams {
  private readonly awaited = new Map<string, Awaited>()
  private readonly database: Database
  private readonly clock: Clock
  private readonly random: Random
  private readonly agent_url: string

  constructor(parts: { database: Database; clock: Clock; random: Random; agent_url: string }) {
    this.database = parts.database
    this.clock = parts.clock
    this.random = parts.random
    this.agent_url = parts.agent_url
  }

  /** A socket that the host has dialled for this. Throws host_unreachable when it does not come in time. */
  async open(host: { id: string; name: string }, asked: StreamAsked): Promise<WebSocket> {
    const token = Buffer.from(this.random.bytes(32)).toString('base64url')
    const url = `${this.agent_url.replace(/^http/, 'ws')}/agent/v1/streams/${token}`
    const params = { method: 'stream' as const, url, token, ...asked }
    const { promise, resolve, reject } = Promise.withResolvers<WebSocket>()
    // The time may be over before anybody awaits it, when the database is slow: no reason to end the process.
    promise.catch(() => undefined)
    const timer = this.clock.after(dial_ms_max, () =>
      reject(
        new CloudError(
          'host_unreachable',
          `The host ${host.name} does not answer, so this cannot be shown now. Try again when it is back.`,
          {
            host_id: host.id,
          },
        ),
      ),
    )
    this.awaited.set(token, { host_id: host.id, arrived: resolve })
    try {
      await this.database.transaction(tx =>
        event.notify(
          tx,
          channels.call,
          JSON.stringify({ host_id: host.id, call: makeId({ clock: this.clock, random: this.random }), params }),
        ),
      )
      return await promise
    } catch (error) {
      promise.then(socket => socket.close()).catch(() => undefined)
      throw error
    } finally {
      timer.cancel()
      this.awaited.delete(token)
    }
  }

  /** A host has dialled in with a token. False when nobody waits for it, or it is another host's. */
  arrive(host_id: string, token: string, socket: WebSocket): boolean {
    const waiting = this.awaited.get(token)
    if (!waiting || waiting.host_id !== host_id) return false
    this.awaited.delete(token)
    waiting.arrived(socket)
    return true
  }
}
