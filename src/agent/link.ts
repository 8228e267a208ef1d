/**
 * Keeps one connection to some controller: dials, says hello, answers heartbeats, and dials again with back-off and jitter
 * when it breaks. Carries frames; what they mean is the agent's business.
 */
import type { Clock, Timer } from '../lib/clock.ts'
import {
  type AgentFrame,
  type ControllerFrame,
  frameBytesMax,
  parseControllerFrame,
  protocolVersion,
} from '../protocol/messages.ts'
import type { LinkConnection, LinkDialler, Log, Random } from './ports.ts'

export const backOffFirst_ms = 250
export const backOffMax_ms = 30_000
/** A controller that accepts but says no welcome for this long is not one. */
const welcomeWithin_ms = 15_000
/** A link that lasted this long was a good one: after its end the back-off begins anew. */
const steadyAfter_ms = 20_000
/** This many heartbeats without any frame after a ping that wants an answer, and the link is given up. */
const silentBeatsMax = 3
/**
 * Where no lease is needed, whatever is sent is a sign of life, and pings fill the gaps between: after so many heartbeats in which nothing
 * was sent, or what the controller allows (`calm_ms`), so that with samples none is needed.
 */
const calmBeats = 1.1
/** And one in so many heartbeats wants an answer: within a lease, so that an instance that needs one finds one. */
const calmAskBeats = 3

type Welcome = Extract<ControllerFrame, { type: 'welcome' }>
type AfterWelcome = Exclude<ControllerFrame, { type: 'welcome' | 'pong' }>

export interface LinkOptions {
  readonly dialler: LinkDialler
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  hello(): Promise<Extract<AgentFrame, { type: 'hello' }>>
  welcomed(welcome: Welcome, send: (frame: AgentFrame) => void): Promise<void>
  /** Frames come one at a time, the next when this one's promise is settled. */
  frame(frame: AfterWelcome, send: (frame: AgentFrame) => void): Promise<void>
  /** A pong that grants the host a lease, counted from when its ping was sent. */
  pong?(sent_ms: number, lease_ms: number): void
  /** Whether guests here run only under a lease: then there is a ping with each heartbeat. Without it, always. */
  needsLease?(): boolean
  lost(): void
}

export interface Link {
  start(): void
  /** Sends when connected and welcomed; otherwise forgets: whatever counts is said again on the next link. */
  send(frame: AgentFrame): void
  /** What needs a lease may have come. */
  wantedChanged(): void
  readonly connected: boolean
  stop(): void
}

export function createLink(options: LinkOptions): Link {
  const { dialler, clock, random, log } = options
  let stopped = false
  let failures = 0
  // Not every agent at the same controller first.
  let nextUrl = Math.floor(random.fraction() * dialler.urls.length)
  let session: Session | null = null
  let timer: Timer | null = null

  function again(reason: string, url: string): void {
    session = null
    if (stopped) return
    const most_ms = Math.min(backOffMax_ms, backOffFirst_ms * 2 ** failures)
    failures = Math.min(failures + 1, 20)
    // Full jitter: a thousand agents that lost one controller do not come back at the same moment.
    const delay_ms = Math.ceil(most_ms * (0.1 + 0.9 * random.fraction()))
    log.warn({ url, reason, delay_ms }, 'no link to a controller; trying again')
    timer = clock.after(delay_ms, () => void dial())
  }

  async function dial(): Promise<void> {
    const url = dialler.urls[nextUrl++ % dialler.urls.length]
    if (url === undefined || stopped) return
    let welcomed_ms: number | null = null
    const mine = createSession(options, {
      welcomed: () => {
        welcomed_ms = clock.steady_ms()
        log.info({ url }, 'linked to a controller')
      },
      ended: reason => {
        // One that welcomes and then fails each time (a full disk, here or there) must not be dialled in a tight loop.
        if (welcomed_ms !== null && clock.steady_ms() - welcomed_ms >= steadyAfter_ms) failures = 0
        again(reason, url)
      },
    })
    session = mine
    try {
      mine.open(await dialler.dial(url, { message: mine.message, closed: mine.end }))
    } catch (error) {
      mine.end(error instanceof Error ? error.message : String(error))
    }
  }

  return {
    start: () => void dial(),
    send: frame => session?.send(frame),
    wantedChanged: () => session?.wantedChanged(),
    get connected() {
      return session?.welcomed === true
    },
    stop() {
      stopped = true
      timer?.cancel()
      session?.end('the agent stops')
    },
  }
}

interface Session {
  open(connection: LinkConnection): void
  readonly message: (text: string) => void
  send(frame: AgentFrame): void
  wantedChanged(): void
  readonly end: (reason: string) => void
  readonly welcomed: boolean
}

/** One connection from its dialling to its end; `ended` is called exactly once. */
function createSession(options: LinkOptions, tell: { welcomed(): void; ended(reason: string): void }): Session {
  const { clock, log } = options
  let connection: LinkConnection | null = null
  let welcomed = false
  let ended = false
  let timer: Timer | null = null
  /** All by the steady clock. */
  let sent_ms = 0
  /** Of the last ping that wants an answer; and the first of those since the controller was heard of. */
  let asked_ms = Number.NEGATIVE_INFINITY
  let unanswered_ms: number | null = null
  let heartbeat_ms = 0
  /** For how long nothing need be said; null: the controller does not tell, and knows no samples that ask. */
  let calm_ms: number | null = null
  /** The controller was last told to expect no more than that. */
  let told_calm = false
  let queue: Promise<void> = Promise.resolve()

  function send(frame: AgentFrame): void {
    if (ended || connection === null || !welcomed) return
    sent_ms = clock.steady_ms()
    connection.send(JSON.stringify(frame.type === 'samples' ? { ...frame, ...besideSamples(sent_ms) } : frame))
  }

  const isCalm = () => options.needsLease?.() === false

  /** A ping less. */
  function besideSamples(now_ms: number) {
    if (calm_ms === null || !isCalm() || !isToAsk(now_ms)) return {}
    asks(now_ms)
    told_calm = true
    return { asks_ms: now_ms, within_ms: calm_ms }
  }

  const isToAsk = (now_ms: number) => now_ms - asked_ms >= calmAskBeats * heartbeat_ms

  function asks(now_ms: number): void {
    asked_ms = now_ms
    unanswered_ms ??= now_ms
  }

  function end(reason: string): void {
    if (ended) return
    ended = true
    timer?.cancel()
    connection?.close()
    if (welcomed) options.lost()
    tell.ended(reason)
  }

  function beat(): void {
    timer?.cancel()
    const now_ms = clock.steady_ms()
    const answered_by_ms = () => (unanswered_ms ?? Number.POSITIVE_INFINITY) + silentBeatsMax * heartbeat_ms
    if (answered_by_ms() <= now_ms) return end(`the controller was silent for ${silentBeatsMax} heartbeats`)
    const calm = isCalm()
    const due_ms = () => {
      if (calm) return sent_ms + (calm_ms ?? calmBeats * heartbeat_ms)
      return told_calm ? now_ms : asked_ms + heartbeat_ms
    }
    if (due_ms() <= now_ms) ping(now_ms, calm)
    timer = clock.after(Math.max(10, Math.min(due_ms(), answered_by_ms()) - now_ms), beat)
  }

  /** By a clock that nobody sets: leases are counted from it. */
  function ping(now_ms: number, calm: boolean): void {
    const quiet = calm && !isToAsk(now_ms)
    if (!quiet) asks(now_ms)
    const within_ms = calm ? calm_ms : null
    told_calm = within_ms !== null
    send({ type: 'ping', sent_ms: now_ms, ...(quiet && { quiet }), ...(within_ms !== null && { within_ms }) })
  }

  async function take(frame: ControllerFrame): Promise<void> {
    if (ended) return
    if (frame.type === 'pong') {
      if (welcomed && frame.lease_ms !== undefined) options.pong?.(frame.sent_ms, frame.lease_ms)
      // It grants none just now: the next ping asks again.
      else asked_ms = Number.NEGATIVE_INFINITY
      return
    }
    if (frame.type !== 'welcome') {
      if (!welcomed) return end(`the controller sent "${frame.type}" before its welcome`)
      return options.frame(frame, send)
    }
    if (frame.protocol > protocolVersion || frame.protocol < protocolVersion - 1) {
      return end(
        `the controller speaks protocol ${frame.protocol}, this agent ${protocolVersion}; update the older one`,
      )
    }
    welcomed = true
    timer?.cancel()
    tell.welcomed()
    heartbeat_ms = frame.heartbeat_ms
    calm_ms = frame.calm_ms ?? null
    // The first at once, as the lease of the last link runs on.
    ping(clock.steady_ms(), isCalm())
    beat()
    await options.welcomed(frame, send)
  }

  return {
    get welcomed() {
      return welcomed && !ended
    },
    open(opened) {
      connection = opened
      if (ended) return opened.close()
      timer = clock.after(welcomeWithin_ms, () => end('the controller said no welcome'))
      options.hello().then(
        hello => {
          if (!ended) opened.send(JSON.stringify(hello))
        },
        error => end(`the hello cannot be made: ${error instanceof Error ? error.message : String(error)}`),
      )
    },
    message(text) {
      unanswered_ms = null
      if (text.length > frameBytesMax) return end('the controller sent a frame beyond the limit')
      queue = queue
        .then(() => take(parseControllerFrame(text)))
        .catch(error => {
          log.error({ error }, 'a frame from the controller could not be taken')
          end(error instanceof Error ? error.message : String(error))
        })
    },
    send,
    wantedChanged() {
      if (welcomed && !ended) beat()
    },
    end,
  }
}
