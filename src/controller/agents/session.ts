/**
 * One agent's link, from its hello to its end: what the host was told, and what it says. The host's epoch in the database tells an
 * old link's words from a new one's, also between controllers. Knows frames, not sockets: link-server.ts has those, the simulation
 * its own. All links of a controller: sessions.ts.
 */
import type { Logger } from 'pino'
import type { Clock } from '../../lib/clock.ts'
import { isDatabaseAway } from '../../lib/database-away.ts'
import { Together } from '../../lib/together.ts'
import type { AbsenceCause } from '../../model/host-state.ts'
import { calm_ms, Hearing } from './hearing.ts'
import { leaseTimes, leftByHolder_ms, mayGrant } from '../../model/lease.ts'
import { linkUrlOf } from '../../protocol/join.ts'
import {
  type AgentFrame,
  type ControllerFrame,
  newerCalls,
  parseAgentFrame,
  protocolVersion,
} from '../../protocol/messages.ts'
import type { InstanceReport } from '../../protocol/messages.ts'
import type { ControllerIdentity } from '../cloud.ts'
import { not_itself } from '../app/host-identity.ts'
import { volumesGone } from '../app/volume-gone.ts'
import type { MetricHub } from '../app/metric-hub.ts'
import type { Database } from '../store/database.ts'
import { type Hello, noteHeld } from './holds.ts'
import type { AgentAnswer, AgentCalls, ReadCall } from './calls.ts'
import {
  beginSession,
  beginSessions,
  type BegunSession,
  type EndedLink,
  type Greeting,
  endSessions,
  noteHeardAgain,
} from './links.ts'
import { applyReports, noteFacts, noteForeign, type ReportOutcome, type SentReport } from './reports.ts'
import { type FrameAsked, type FrameMade, type FrameRules, heldOf, type Told, wantedFrames } from './wanted-frame.ts'

export interface AgentLink {
  /** Where it comes from, as the controller sees it. */
  readonly address?: string
  send(frame: ControllerFrame): void
  close(reason: string): void
}

export interface SessionParts {
  readonly self: Pick<ControllerIdentity, 'id' | 'agent_url'>
  readonly database: Database
  readonly clock: Clock
  readonly log: Logger
  readonly calls: AgentCalls
  readonly metrics: MetricHub
  /** What is asked of hosts besides instances; settings are read anew for each frame. */
  readonly rules: FrameRules
}

/** How hosts reach the logical networks; see WantedHost. */
export interface WantedHostRules {
  ovn_southbound: string
  physical_networks: Record<string, string>
  external_gateway: string | null
}

/** What sessions do together: what many hosts ask or say at the same moment is read or written at once. */
export class Shared {
  readonly frames: Together<FrameAsked, FrameMade>
  readonly reports: Together<SentReport, ReportOutcome>
  /** A switch that fails, or a power cut, ends thousands of links at once; and then they begin again. */
  readonly ends: Together<EndedLink, void>
  readonly begins: Together<Greeting, BegunSession | null>
  /** Those of which more is to be written; a few at a time, so that there are connections for everything else. */
  readonly loneBegins: Together<Greeting, BegunSession | 'other' | null>

  constructor({ self, database, rules }: SessionParts) {
    // Who waits for a database that is away waits once, not in turn.
    const mayRedo = (error: unknown) => !isDatabaseAway(error)
    this.frames = new Together(asked => wantedFrames(database.db, asked, rules), { mayRedo })
    this.reports = new Together(sent => applyReports(database, sent), { mayRedo })
    const end = (links: readonly EndedLink[]) => endSessions(database, links).then(() => links.map(() => undefined))
    this.ends = new Together(end, { mayRedo })
    this.begins = new Together(greetings => beginSessions(database, self, greetings), { mayRedo })
    const beginEach = (greetings: readonly Greeting[]) =>
      Promise.all(greetings.map(one => beginSession(database, self, one)))
    this.loneBegins = new Together(beginEach, { mayRedo, batchMax: 1, atOnce: lone_begins_max })
  }
}

const lone_begins_max = 4

/** Who keeps the links: several may be coming of one host, and one of them is its. */
export interface LinkKeeper {
  /** It has said its hello; it is the host's link from now on. */
  greeted(session: AgentSession): void
  took(session: AgentSession, was_expected: boolean): void
}

/** Calls to one host that wait for their answer; beyond that the oldest is given up. */
const unanswered_max = 1000

const { heartbeat_ms } = leaseTimes

const done = Promise.resolve()

export class AgentSession {
  readonly host_id: string
  /** By what its machine is known, as it said in its hello; null before that. */
  machine: string | null = null
  epoch = 0
  /** The newest report of this link that the database has. */
  last_report = 0
  private readonly link: AgentLink
  private readonly parts: SessionParts
  private readonly shared: Shared
  private readonly keeper: LinkKeeper
  private told: Told | undefined
  private readonly hearing: Hearing
  /** Frames are handled one after the other, in the order of their coming. */
  private turn: Promise<void> = done
  /** How many are not done with. */
  private queued = 0
  private open = true
  private cause: AbsenceCause = 'closed'
  /** Until when its host may take to dial another controller, before it counts as gone. */
  private handover: Promise<unknown> | undefined
  private knows_calls: readonly string[] = []
  /** A look at what is wanted is queued already. */
  private woken = false
  /** By the steady clock: when the look at the database began that last found this link to be this controller's. */
  private confirmed_ms = Number.NEGATIVE_INFINITY
  private begun_ms = 0
  private granted_ms: number | null = null
  /** Calls that the agent has not answered yet, and until when somebody waits; an answer to anything else is none. */
  private readonly asked = new Map<string, Pick<ReadCall, 'call' | 'by'> & { until_ms: number }>()

  constructor(host_id: string, link: AgentLink, of: { parts: SessionParts; shared: Shared; keeper: LinkKeeper }) {
    const { parts, shared, keeper } = of
    this.host_id = host_id
    this.link = link
    this.parts = parts
    this.shared = shared
    this.keeper = keeper
    this.hearing = new Hearing(parts.clock)
  }

  get begun(): boolean {
    return this.told !== undefined
  }

  /** Nobody waits for an answer: what was given up before it came keeps no link busy. */
  get isIdle(): boolean {
    const steady_ms = this.parts.clock.steady_ms()
    return this.begun && this.open && !this.asked.values().some(({ until_ms }) => until_ms > steady_ms)
  }

  /**
   * Queues what came in; a frame that does not fit, or a failing database, ends the link, and the agent dials again. Heartbeats and samples
   * are nearly all that comes, and need no turn of their own when nothing is before them.
   */
  receive(text: string): Promise<void> {
    if (this.hearing.heard()) void this.enqueue(() => noteHeardAgain(this.parts.database, this.host_id))
    if (this.queued > 0 || !this.begun || !this.open) return this.enqueue(() => this.handle(parseAgentFrame(text)))
    try {
      const frame = parseAgentFrame(text)
      if (!this.isTaken(frame)) return this.enqueue(() => this.handle(frame))
    } catch (error) {
      this.failed(error)
    }
    return done
  }

  /** What asks nothing of the database is done with at once. */
  private isTaken(frame: AgentFrame): frame is Extract<AgentFrame, { type: 'ping' | 'samples' }> {
    if (frame.type === 'ping') {
      this.hearing.expect(frame.within_ms)
      if (!frame.quiet) this.pong(frame.sent_ms)
      return true
    }
    if (frame.type !== 'samples') return false
    if (frame.within_ms !== undefined) this.hearing.expect(frame.within_ms)
    if (frame.asks_ms !== undefined) this.pong(frame.asks_ms)
    this.parts.metrics.take(this.host_id, this.told?.own ?? new Set(), frame)
    return true
  }

  /**
   * Something may have changed for this host: tells what is new. Whether it has begun is asked when its turn has come: a
   * wake-up while the first wanted set is being read may be about something that this reading did not see.
   */
  wake(): void {
    if (this.woken) return
    this.woken = true
    void this.enqueue(async () => {
      this.woken = false
      if (this.begun) await this.tell({ told: this.told })
    })
  }

  /** After what is queued: a call may be about an instance that the host is about to be told of; and only on the host's own link, as it may hold a secret. */
  call(asked: ReadCall): void {
    void this.enqueue(async () => {
      if (!this.begun) return
      const { call, params, by, timeout_ms } = asked
      if (newerCalls.includes(params.method) && !this.knows_calls.includes(params.method))
        return await this.parts.calls.answered(asked, {
          error: 'The agent of this host is too old for this: update it.',
        })
      const [oldest] = this.asked.keys()
      if (this.asked.size >= unanswered_max && oldest !== undefined) this.asked.delete(oldest)
      this.asked.set(call, { call, by, until_ms: this.parts.clock.steady_ms() + timeout_ms })
      this.send({ type: 'call', call, params })
    })
  }

  silentFor_ms(steady_ms?: number): number {
    return this.hearing.silentFor_ms(steady_ms)
  }

  send(frame: ControllerFrame): void {
    if (this.open) this.link.send(frame)
  }

  end(reason: string, cause: AbsenceCause = 'closed'): void {
    if (!this.open) return
    this.open = false
    this.cause = cause
    this.link.close(reason)
  }

  /**
   * Sends the host to another controller, of which it knows. Its instances are not shown as unknown meanwhile: by the time
   * this link counts as ended the host has a newer one.
   */
  handOver(until: Promise<unknown>): void {
    this.handover = until
    this.end('another controller has fewer hosts', 'controller_gone')
  }

  isSilent(steady_ms: number): boolean {
    return this.hearing.isSilent(steady_ms)
  }

  /** True once, until it is heard again. */
  becomesLate(steady_ms: number): boolean {
    return this.begun && this.hearing.becomesLate(steady_ms)
  }

  /** The link is gone: nothing more is sent, and what was queued ends. */
  async closed(): Promise<void> {
    this.open = false
    await this.turn
    await this.handover
    const { host_id, epoch, cause } = this
    const known = { left_ms: () => this.left_ms(), silent_ms: () => this.silentFor_ms() }
    if (this.begun) await this.shared.ends.ask({ host_id, epoch, cause, ...known })
  }

  /** A look that began then found the link to be this controller's still: for a while it may grant leases. */
  confirm(at_ms: number): void {
    this.confirmed_ms = Math.max(this.confirmed_ms, at_ms)
  }

  /** How long the host's highly available guests may still run, at most. Nothing is granted any more. */
  private left_ms(): number {
    const now_ms = this.parts.clock.steady_ms()
    return leftByHolder_ms({
      lease_ms: leaseTimes.lease_ms,
      begun_ago_ms: now_ms - this.begun_ms,
      granted_ago_ms: this.granted_ms === null ? null : now_ms - this.granted_ms,
    })
  }

  /** Answers at once: a lease counts from the ping, so that this wait shortens it. */
  private pong(sent_ms: number): void {
    const now_ms = this.parts.clock.steady_ms()
    const grants = this.begun && mayGrant(now_ms - this.confirmed_ms)
    if (grants) this.granted_ms = now_ms
    this.send({ type: 'pong', sent_ms, ...(grants && { lease_ms: leaseTimes.lease_ms }) })
  }

  private enqueue(work: () => Promise<void>): Promise<void> {
    this.queued += 1
    return (this.turn = this.turn.then(async () => {
      try {
        if (this.open) await work()
      } catch (error) {
        this.failed(error)
      } finally {
        this.queued -= 1
      }
    }))
  }

  private failed(error: unknown): void {
    this.parts.log.warn({ err: error, host_id: this.host_id }, 'the link to a host ends; the agent dials again')
    this.end(error instanceof Error ? error.message : 'failed')
  }

  /** Memory of the host that is for nobody's guests. */
  private async reserved_mib(): Promise<number> {
    const { rules, database } = this.parts
    await rules.learn(database.db, [this.host_id])
    return rules.reservedMemory(this.host_id)
  }

  private async handle(frame: AgentFrame): Promise<void> {
    if (frame.type === 'hello') return await this.begin(frame)
    // A heartbeat may come first.
    if (!this.begun && frame.type !== 'ping') throw new Error(`a ${frame.type} came before hello`)
    if (this.isTaken(frame)) return
    switch (frame.type) {
      case 'report':
        return await this.report(frame.report, frame.instances)
      case 'held':
        return this.mustHold(await noteHeld(this.parts.database, this, frame.instances))
      case 'facts':
        return this.mustHold(await noteFacts(this.parts.database, this, frame.facts, await this.reserved_mib()))
      case 'foreign':
        return this.mustHold(await noteForeign(this.parts.database, this, frame.domains))
      case 'volumes_gone':
        return await volumesGone(this.parts.database, this.host_id, frame.ids)
      case 'answer':
        return await this.answered(frame.call, frame)
      default:
        frame satisfies never
    }
  }

  private async answered(call: string, { result, error }: AgentAnswer): Promise<void> {
    const asked = this.asked.get(call)
    if (!asked) return
    this.asked.delete(call)
    if (error !== undefined) this.parts.log.warn({ host_id: this.host_id, call }, error)
    await this.parts.calls.answered(asked, error === undefined ? { result } : { error })
  }

  private async begin(hello: Hello): Promise<void> {
    const { protocol, facts, holds, heard_as_of = 0, knows_calls = [], hardware } = hello
    const { keeps_leases = false, asks_first = false } = hello
    if (protocol > protocolVersion || protocol < protocolVersion - 1) {
      throw new Error(
        `the agent speaks protocol ${protocol}, this controller ${protocolVersion} and the one before: upgrade the older`,
      )
    }
    const { clock } = this.parts
    this.machine = JSON.stringify(hardware ?? null)
    this.keeper.greeted(this)
    const reserved_mib = await this.reserved_mib()
    const asked_ms = clock.steady_ms()
    const { host_id, link } = this
    const { begins, loneBegins } = this.shared
    const from = { keeps_leases, asks_first, link_address: link.address ?? null, hardware }
    // The agent may have given up while others had their turn.
    const greeting = { host_id, facts, reserved_mib, holds, heard_as_of, ...from, isGone: () => !this.open }
    const session = (await begins.ask(greeting)) ?? (await loneBegins.ask(greeting))
    if (session === 'other') return this.end(not_itself)
    if (!session) return
    this.keeper.took(this, session.was_linked)
    this.epoch = session.epoch
    this.begun_ms = clock.steady_ms()
    this.confirm(asked_ms)
    this.knows_calls = knows_calls
    const { last_report, show } = session
    this.last_report = last_report
    if (show.length > 0) this.parts.log.warn({ host_id: this.host_id, instances: show.length }, newer_held)
    const link_urls = session.agent_urls.map(linkUrlOf)
    const times = { heartbeat_ms, calm_ms }
    this.send({ type: 'welcome', protocol, host_id: this.host_id, ...times, last_report, link_urls, show })
    await this.tell({ told: undefined, holds: session.settled ? heldOf(hello) : undefined }, session.forget)
  }

  private async tell(of: Pick<FrameAsked, 'told' | 'holds'>, forget: readonly string[] = []): Promise<void> {
    const made = await this.shared.frames.ask({ host_id: this.host_id, epoch: this.epoch, ...of })
    this.told = made.told
    if (made.frame === 'foreign') throw new Error(not_held)
    if (made.frame?.type !== 'wanted') return
    const { forget_instances } = made.frame
    this.send(forget.length === 0 ? made.frame : { ...made.frame, forget_instances: [...forget_instances, ...forget] })
  }

  private async report(report: number, instances: readonly InstanceReport[]): Promise<void> {
    const { host_id, epoch } = this
    const outcome = await this.shared.reports.ask({ host_id, epoch, report, instances })
    this.mustHold(outcome)
    if (outcome === 'ahead') throw new Error(newer_held)
    this.last_report = Math.max(this.last_report, report)
  }

  private mustHold(outcome: ReportOutcome): void {
    if (outcome === 'foreign') throw new Error(not_held)
  }
}

export const newer_held = 'a host was told newer things than the database knows: was it restored from an older backup?'

export const not_held = 'this link is not the one that the host is known by any more'
