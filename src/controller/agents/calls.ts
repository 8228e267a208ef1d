/**
 * Acts that a controller asks of an agent once, whichever controller holds its link, and the agent's answers on their way back.
 * Asking and answering go through the database's notices, which may end up on its disk or in its log: a secret in a call
 * travels sealed. Not its job: what is asked, and in what words a failure is told.
 */
import type { Logger } from 'pino'
import type { Clock } from '../../lib/clock.ts'
import type { AgentCall } from '../../protocol/messages.ts'
import { CallFailed, makeId, type Random, type Sealer } from '../cloud.ts'
import { channels, type Database } from '../store/database.ts'
import { event } from '../store/event.ts'

export interface AgentAnswer {
  result?: unknown
  error?: string
}

/** As it travels: what is secret of `params` is in `sealed`, as base64. */
interface AskedCall {
  host_id: string
  call: string
  by: string
  params: Record<string, unknown>
  /** For so long an answer is waited for. */
  timeout_ms: number
  sealed?: string
}

export interface ReadCall {
  host_id: string
  call: string
  /** The controller that waits for the answer. */
  by: string
  params: AgentCall
  timeout_ms: number
}

export interface AskOptions {
  timeout_ms: number
  /** Fields of the call that nobody may read on the way. */
  secret?: Record<string, string>
  /** Nobody waits any more. */
  signal?: AbortSignal
}

type Call = AgentCall extends infer One ? (One extends AgentCall ? Partial<One> & Pick<One, 'method'> : never) : never

/** A notice of PostgreSQL holds 8,000 bytes. */
const words_max = 1000
const result_max = 3000

export class AgentCalls {
  private readonly waiting = new Map<string, (answer: AgentAnswer) => void>()
  private readonly parts: {
    controller_id: string
    database: Database
    clock: Clock
    random: Random
    sealer: Sealer
    log: Logger
  }
  private stop: () => void = () => undefined

  constructor(parts: AgentCalls['parts']) {
    this.parts = parts
  }

  start(): void {
    this.stop = this.parts.database.listen(channels.answer, payload => this.heard(payload))
  }

  close(): void {
    this.stop()
  }

  /** The agent's result. Throws CallFailed. */
  async ask(host_id: string, params: Call, { timeout_ms, secret, signal }: AskOptions): Promise<unknown> {
    const { clock, controller_id, database, sealer } = this.parts
    const call: string = makeId(this.parts)
    const { promise, resolve, reject } = Promise.withResolvers<AgentAnswer>()
    // The time may be over before anybody awaits it, when the database is slow: no reason to end the process.
    promise.catch(() => undefined)
    const silent = () => reject(new CallFailed('silent', 'The host does not answer.'))
    const timer = clock.after(timeout_ms, silent)
    signal?.addEventListener('abort', silent, { once: true })
    this.waiting.set(call, resolve)
    const asked: AskedCall = { host_id, call, by: controller_id, params, timeout_ms }
    if (secret)
      asked.sealed = Buffer.from(sealer.seal(sealName(call), Buffer.from(JSON.stringify(secret)))).toString('base64')
    try {
      await database.transaction(tx => event.notify(tx, channels.call, JSON.stringify(asked)))
      const { result, error } = await promise
      if (error !== undefined) throw new CallFailed('refused', error)
      return result
    } finally {
      timer.cancel()
      signal?.removeEventListener('abort', silent)
      this.waiting.delete(call)
    }
  }

  /** A call as some controller asked it. Null when it cannot be opened here. */
  read(payload: string): ReadCall | null {
    const { sealed, params, ...asked } = JSON.parse(payload) as AskedCall
    const { host_id, call } = asked
    try {
      const { sealer } = this.parts
      const secret = sealed && Buffer.from(sealer.unseal(sealName(call), Buffer.from(sealed, 'base64'))).toString()
      return { ...asked, params: { ...params, ...(secret && (JSON.parse(secret) as object)) } as AgentCall }
    } catch (error) {
      this.parts.log.error(
        { err: error, host_id, call },
        'a call for an agent cannot be opened with this controller’s key',
      )
      return null
    }
  }

  /** What an agent answered to a call that came over this controller's link. Hosts are not trusted: it is cut to size. */
  async answered({ call, by }: Pick<ReadCall, 'call' | 'by'>, { result, error }: AgentAnswer): Promise<void> {
    const words = error?.slice(0, words_max).replaceAll(/\p{Cc}/gu, ' ')
    const fits = JSON.stringify(result ?? {}).length <= result_max
    const answer: AgentAnswer =
      words !== undefined ? { error: words } : fits ? { result } : { error: 'The host’s answer is too long.' }
    if (by === this.parts.controller_id) return this.waiting.get(call)?.(answer)
    const notice = JSON.stringify({ to: by, call, ...answer })
    await this.parts.database.transaction(tx => event.notify(tx, channels.answer, notice))
  }

  private heard(payload: string | null): void {
    if (payload === null) return
    const { to, call, ...answer } = JSON.parse(payload) as AgentAnswer & { to: string; call: string }
    if (to === this.parts.controller_id) this.waiting.get(call)?.(answer)
  }
}

function sealName(call: string): string {
  return `call ${call}`
}
