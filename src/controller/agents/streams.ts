/**
 * Bulk data from agents (console, log, what guests answer) on sockets of their own. A controller that needs one asks the host, through
 * whichever controller holds its link, to dial back here with a one-time token.
 */
import type { WebSocket } from 'ws'
import type { Clock } from '../../lib/clock.ts'
import { CloudError } from '../../model/errors.ts'
import { CallFailed, type Random } from '../cloud.ts'
import type { AgentCalls } from './calls.ts'

export type StreamAsked =
  | { kind: 'console'; instance_id: string; replay_bytes: number }
  | { kind: 'graphics' | 'spice'; instance_id: string }
  | { kind: 'log'; instance_id: string; tail_bytes: number; follow: boolean }
  /** A question goes out on it, and an answer comes: protocol/guest.ts. */
  | { kind: 'guest'; instance_id: string }

interface Awaited {
  host_id: string
  arrived(socket: WebSocket): void
}

const dial_ms_max = 10_000

export class AgentStreams {
  private readonly awaited = new Map<string, Awaited>()
  private readonly calls: AgentCalls
  private readonly clock: Clock
  private readonly random: Random
  private readonly agent_url: string

  constructor(parts: { calls: AgentCalls; clock: Clock; random: Random; agent_url: string }) {
    this.calls = parts.calls
    this.clock = parts.clock
    this.random = parts.random
    this.agent_url = parts.agent_url
  }

  /**
   * A socket that the host has dialled for this, paused. Throws unavailable with the agent's own words when it refuses, and
   * host_unreachable when nothing comes in time.
   */
  async open(host: { id: string; name: string }, asked: StreamAsked): Promise<WebSocket> {
    const token = Buffer.from(this.random.bytes(32)).toString('base64url')
    const url = `${this.agent_url.replace(/^http/, 'ws')}/agent/v1/streams/${token}`
    const { promise, resolve, reject } = Promise.withResolvers<WebSocket>()
    promise.catch(() => undefined)
    const timer = this.clock.after(dial_ms_max, () => reject(new CallFailed('silent', 'Nobody dialled.')))
    const arrived = new AbortController()
    this.awaited.set(token, { host_id: host.id, arrived: resolve })
    const params =
      asked.kind === 'guest'
        ? { method: 'guest' as const, url, token, instance_id: asked.instance_id }
        : { method: 'stream' as const, url, token, ...asked }
    // An answer that it has dialled is no news: the socket itself is.
    this.calls.ask(host.id, params, { timeout_ms: dial_ms_max, signal: arrived.signal }).catch(reject)
    try {
      return await promise
    } catch (error) {
      promise.then(socket => socket.close()).catch(() => undefined)
      throw failed(host, error, asked.kind === 'guest' ? guestWords : showWords)
    } finally {
      timer.cancel()
      arrived.abort()
      this.awaited.delete(token)
    }
  }

  /** A host has dialled in with a token. False when nobody waits for it, or it is another host's. */
  arrive(host_id: string, token: string, socket: WebSocket): boolean {
    const waiting = this.awaited.get(token)
    if (!waiting || waiting.host_id !== host_id) return false
    this.awaited.delete(token)
    // Until who asked listens: a screen speaks first.
    socket.pause()
    waiting.arrived(socket)
    return true
  }
}

const showWords = { refused: 'show this', silent: 'this cannot be shown now' }
const guestWords = { refused: 'ask its guest', silent: 'its guest cannot be asked now' }

function failed(host: { id: string; name: string }, error: unknown, words: typeof showWords): unknown {
  if (!(error instanceof CallFailed)) return error
  if (error.kind === 'refused') {
    return new CloudError('unavailable', `The host ${host.name} cannot ${words.refused}: ${error.message}`, {
      host_id: host.id,
    })
  }
  return new CloudError(
    'host_unreachable',
    `The host ${host.name} does not answer, so ${words.silent}. Try again when it is back.`,
    { host_id: host.id },
  )
}
