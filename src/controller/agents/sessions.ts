/**
 * All agents whose link this controller holds: which of them are silent, late, or another controller's, and how changes reach them. One
 * link: session.ts.
 */
import { leaseTimes } from '../../model/lease.ts'
import { channels } from '../store/database.ts'
import { host } from '../store/host.ts'
import { noteLate } from './reports.ts'
import { type AgentLink, AgentSession, newer_held, not_held, type SessionParts, Shared } from './session.ts'

const { silence_ms_max } = leaseTimes
/** For a host that is sent to another controller to dial it. */
const handover_ms = 3000
/** How often it is looked who is silent. */
const look_every_ms = 1000
/** So late itself, a controller has not read what came meanwhile: it is no judge of others' silence in this round. */
const own_delay_ms_max = 1000

/** All sessions of this controller. */
export class AgentSessions {
  private readonly sessions = new Map<string, AgentSession>()
  private readonly parts: SessionParts
  private readonly shared: Shared
  private readonly stops: (() => void)[] = []
  /** Ends of links that are being written. */
  private readonly endings = new Set<Promise<void>>()
  /** Hosts that were sent to another controller and may still be on their way. */
  private readonly handedOver = new Set<string>()
  private readonly stopped = Promise.withResolvers<void>()

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
    const open = [...this.sessions.values()]
    for (const session of open) session.end('the controller stops', 'controller_gone')
    await Promise.all(open.map(session => this.closed(session)))
    await Promise.allSettled(this.endings)
  }

  /** A host has dialled in, its certificate checked. An older link of the same host is ended. */
  accept(host_id: string, link: AgentLink): AgentSession {
    this.sessions.get(host_id)?.end('a newer link of the same host')
    const session = new AgentSession(host_id, link, this.parts, this.shared)
    this.sessions.set(host_id, session)
    return session
  }

  async closed(session: AgentSession): Promise<void> {
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
    return this.sessions.size
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
    const { database, self, clock } = this.parts
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
    await this.writeOff(rows.filter(({ id }) => !this.sessions.has(id) && !this.handedOver.has(id)))
  }

  /** Recorded links that no controller has. */
  async writeOff(links: readonly { id: string; epoch: number }[]): Promise<void> {
    const cause = 'controller_gone' as const
    await Promise.all(links.map(({ id, epoch }) => this.shared.ends.ask({ host_id: id, epoch, cause, left_ms: null })))
  }

  /** Null: notices may have been missed, or what all are told has changed, so everyone looks. */
  wake(host_id: string | null): void {
    if (host_id !== null) return this.sessions.get(host_id)?.wake()
    for (const session of this.sessions.values()) session.wake()
  }

  /** A call that some controller has for a host whose link may be here. */
  private forward(payload: string | null): void {
    if (payload === null) return
    const asked = this.parts.calls.read(payload)
    if (asked) this.sessions.get(asked.host_id)?.call(asked)
  }

  private watchSilence(): void {
    const due_ms = this.parts.clock.now_ms() + look_every_ms
    const timer = this.parts.clock.after(look_every_ms, () => {
      if (this.parts.clock.now_ms() - due_ms <= own_delay_ms_max) this.lookWhoIsSilent()
      this.watchSilence()
    })
    this.stops.splice(2, 1, () => timer.cancel())
  }

  private lookWhoIsSilent(): void {
    const late: AgentSession[] = []
    for (const session of this.sessions.values()) {
      if (session.silentFor_ms() > silence_ms_max) session.end(`silent for ${session.silentFor_ms()} ms`, 'silent')
      else if (session.becomesLate()) late.push(session)
    }
    if (late.length === 0) return
    const { database, log } = this.parts
    noteLate(
      database,
      late.map(one => ({ host_id: one.host_id, epoch: one.epoch, silent_ms: one.silentFor_ms() })),
    ).catch(error => log.warn({ err: error }, 'hosts that are late could not be noted'))
  }
}
