/**
 * All agents whose link this controller holds: which of them are silent, late, or another controller's, and how changes reach them. One
 * link: session.ts.
 */
import { controller } from '../store/controller.ts'
import { channels } from '../store/database.ts'
import { host } from '../store/host.ts'
import { endExpected, endSessions, expectedFor_ms, noteLate } from './links.ts'
import {
  type AgentLink,
  AgentSession,
  type LinkKeeper,
  newer_held,
  not_held,
  type SessionParts,
  Shared,
} from './session.ts'

const newer_link = 'a newer link of the same host'
/** Links of one host that may be coming at once. */
const coming_max = 4
/** For a host that is sent to another controller to dial it. */
const handover_ms = 3000
/** Links of a former life that are written off in one transaction. */
const former_batch = 500
/** How often it is looked who is silent. */
const look_every_ms = 1000
/** So late itself, a controller has not read what came meanwhile: it is no judge of others' silence in this round. */
const own_delay_ms_max = 1000

/** A link as the database has it. */
export interface RecordedLink {
  readonly id: string
  readonly epoch: number
}

/** All sessions of this controller. */
export class AgentSessions implements LinkKeeper {
  /** Of each host its link, that has begun. */
  private readonly sessions = new Map<string, AgentSession>()
  /** Links that have not begun, in the order of their coming: who dials is the host only once its hello was judged. */
  private readonly coming = new Map<string, Set<AgentSession>>()
  private readonly parts: SessionParts
  private readonly shared: Shared
  private readonly stops: (() => void)[] = []
  /** Ends of links that are being written. */
  private readonly endings = new Set<Promise<void>>()
  /** Hosts that were sent to another controller and may still be on their way. */
  private readonly handedOver = new Set<string>()
  private readonly stopped = Promise.withResolvers<void>()
  /** When the last link began of a host that was shown as before, by the steady clock. */
  private came_ms = Number.NEGATIVE_INFINITY
  private alone = false

  constructor(parts: SessionParts) {
    this.parts = parts
    this.shared = new Shared(parts)
  }

  start(): void {
    const { database } = this.parts
    this.stops.push(
      database.listen(channels.host, host_id => this.wake(host_id)),
      database.listen(channels.call, payload => this.forward(payload)),
    )
    this.watchSilence()
  }

  async close(): Promise<void> {
    for (const stop of this.stops.splice(0)) stop()
    this.stopped.resolve()
    const open = this.all()
    for (const session of open) session.end('the controller stops', 'controller_gone')
    await Promise.all(open.map(session => this.closed(session)))
    await Promise.allSettled(this.endings)
  }

  /** Somebody with a host's certificate has dialled in. An older link of the host is ended when this one begins. */
  accept(host_id: string, link: AgentLink): AgentSession {
    const { parts, shared } = this
    const session = new AgentSession(host_id, link, { parts, shared, keeper: this })
    const coming = this.coming.get(host_id) ?? new Set()
    this.coming.set(host_id, coming.add(session))
    if (coming.size > coming_max) coming.values().next().value?.end(newer_link)
    return session
  }

  /** Of two links of one machine that come at once the older has none: its end would be taken for the end of the newer. */
  greeted(session: AgentSession): void {
    for (const one of this.coming.get(session.host_id) ?? []) {
      if (one === session) return
      if (one.machine === session.machine) one.end(newer_link)
    }
  }

  /**
   * Links that it is newer than are ended, whoever has dialled them: the host's own dials again. From this moment on none but this one
   * grants leases, also when it has hung up meanwhile and its own end is about to be written.
   */
  took(session: AgentSession, was_expected: boolean): void {
    const { host_id } = session
    const coming = this.coming.get(host_id)
    this.sessions.get(host_id)?.end(newer_link)
    if (!coming?.has(session)) return
    for (const one of coming) {
      if (one === session) break
      one.end(newer_link)
    }
    this.arrived(session)
    this.sessions.set(host_id, session)
    if (was_expected) this.came_ms = this.parts.clock.steady_ms()
  }

  /** It comes no more. */
  private arrived(session: AgentSession): void {
    const coming = this.coming.get(session.host_id)
    coming?.delete(session)
    if (coming?.size === 0) this.coming.delete(session.host_id)
  }

  private all(): AgentSession[] {
    return [...this.sessions.values(), ...this.coming.values().flatMap(ones => [...ones])]
  }

  /** Those of a host, that of which it is not known yet whether they are its included. */
  private of(host_id: string): AgentSession[] {
    const begun = this.sessions.get(host_id)
    return [...(begun ? [begun] : []), ...(this.coming.get(host_id) ?? [])]
  }

  async closed(session: AgentSession): Promise<void> {
    this.arrived(session)
    if (this.sessions.get(session.host_id) === session) this.sessions.delete(session.host_id)
    const ending = session.closed().finally(() => this.endings.delete(ending))
    this.endings.add(ending)
    await ending
  }

  /** Sends so many hosts to other controllers; any, but for those that are about to answer a call. */
  handOver(count: number): void {
    const { clock } = this.parts
    for (const session of [...this.sessions.values()].filter(one => one.isIdle).slice(0, count)) {
      const { host_id } = session
      this.handedOver.add(host_id)
      const until = Promise.race([clock.sleep(handover_ms), this.stopped.promise])
      void until.then(() => this.handedOver.delete(host_id))
      session.handOver(until)
    }
  }

  get count(): number {
    return this.all().length
  }

  /** Links whose hosts were taken in. */
  get begun(): number {
    return this.sessions.values().reduce((sum, session) => sum + (session.begun ? 1 : 0), 0)
  }

  /** As far as this controller knew lately, hosts have no other one to dial. */
  get isAlone(): boolean {
    return this.alone
  }

  get(host_id: string): AgentSession | undefined {
    return this.sessions.get(host_id)
  }

  /**
   * Brings links and records together. A link ends whose host is known by another one, has a new certificate, was removed,
   * or was given up by the other controllers while this one could not be heard of: the agent dials again. A link that is
   * recorded and is not there (of a former life of this controller, or whose end could not be written) is written off.
   */
  async reconcile(): Promise<void> {
    await this.writeOff(await this.look())
  }

  /** The half that leases live by: changes nothing in the database. Returns what is to be written off. */
  async look(): Promise<readonly RecordedLink[]> {
    const { self, clock } = this.parts
    const database = this.parts.database.of('lease')
    await this.lookForOthers()
    const looked_ms = clock.steady_ms()
    const begun = [...this.sessions.values()].filter(session => session.begun)
    const reported = new Map(begun.map(session => [session, session.last_report]))
    const rows = await host.heldBy(database.db, self.id)
    const held = new Map(rows.map(row => [row.id, row.epoch]))
    const known = new Map(rows.map(row => [row.id, row.last_report]))
    for (const session of begun) {
      if (held.get(session.host_id) !== session.epoch) session.end(not_held)
      else if ((known.get(session.host_id) ?? 0) < (reported.get(session) ?? 0)) session.end(newer_held)
      else session.confirm(looked_ms)
    }
    return rows.filter(link => this.isGone(link))
  }

  private isGone({ id }: RecordedLink): boolean {
    return this.of(id).length === 0 && !this.handedOver.has(id)
  }

  private async lookForOthers(): Promise<void> {
    const { database, self } = this.parts
    this.alone = (await controller.urls(database.of('lease').db, self.agent_url)).length === 1
  }

  /**
   * For a controller's start, before anybody is answered: links of a former life, or of a backup, are none. Their hosts dial again at once, this
   * controller or another: to show all their instances as unknown, and as they were again, would be most of what that start costs. The former
   * life was last there so long ago, and so its hosts were last heard of then; null: not known.
   */
  async writeOffFormer(former_ms: number | null = null): Promise<void> {
    const { database, self } = this.parts
    const cause = 'controller_gone' as const
    await this.lookForOthers()
    const silent_ms = former_ms === null ? null : () => former_ms
    const former = (await host.heldBy(database.db, self.id)).filter(({ id }) => this.of(id).length === 0)
    for (let from = 0; from < former.length; from += former_batch) {
      const links = former.slice(from, from + former_batch)
      const ended = links.map(({ id, epoch }) => ({ host_id: id, epoch, cause, left_ms: null, silent_ms }))
      await endSessions(database, ended, { expected: true })
    }
  }

  /** Who was expected for long enough is no more. */
  endExpected(): Promise<void> {
    const { database, clock } = this.parts
    return endExpected(database, expectedFor_ms(clock.steady_ms() - this.came_ms))
  }

  /** Recorded links that no controller has. */
  async writeOff(links: readonly RecordedLink[]): Promise<void> {
    const cause = 'controller_gone' as const
    const none = { cause, left_ms: null, silent_ms: null }
    await Promise.all(links.map(({ id, epoch }) => this.shared.ends.ask({ host_id: id, epoch, ...none })))
  }

  /** Null: notices may have been missed, or what all are told has changed, so everyone looks. */
  wake(host_id: string | null): void {
    for (const session of host_id === null ? this.all() : this.of(host_id)) session.wake()
  }

  /** A call that some controller has for a host whose link may be here. */
  private forward(payload: string | null): void {
    if (payload === null) return
    const asked = this.parts.calls.read(payload)
    if (asked) for (const session of this.of(asked.host_id)) session.call(asked)
  }

  private watchSilence(): void {
    const due_ms = this.parts.clock.steady_ms() + look_every_ms
    const timer = this.parts.clock.after(look_every_ms, () => {
      if (this.parts.clock.steady_ms() - due_ms <= own_delay_ms_max) this.lookWhoIsSilent()
      this.watchSilence()
    })
    this.stops.splice(2, 1, () => timer.cancel())
  }

  /** Of ten thousand hosts, each second: nothing is made for those that are on time. */
  private lookWhoIsSilent(): void {
    const { database, log, clock } = this.parts
    const steady_ms = clock.steady_ms()
    const late: AgentSession[] = []
    const look = (session: AgentSession) => {
      if (session.isSilent(steady_ms)) session.end(`silent for ${session.silentFor_ms(steady_ms)} ms`, 'silent')
      else if (session.becomesLate(steady_ms)) late.push(session)
    }
    for (const session of this.sessions.values()) look(session)
    for (const ones of this.coming.values()) for (const session of ones) look(session)
    if (late.length === 0) return
    noteLate(
      database,
      late.map(one => ({ host_id: one.host_id, epoch: one.epoch, silent_ms: one.silentFor_ms(steady_ms) })),
    ).catch(error => log.warn({ err: error }, 'hosts that are late could not be noted'))
  }
}
