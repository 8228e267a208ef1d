/**
 * A small world in which src/model/lease.ts is played: one host with a highly available guest, two controllers, a database, and
 * everything that happens to them. Each part has its own clock of its own rate and does one thing at a time; between any two
 * of its doings it may stand still. The world is as unkind as it can be: the guest starts elsewhere the moment that anyone may start it.
 * Not its job: deciding what is right. `flaws` leaves one rule out, to see that the world notices.
 */
import {
  hostDeadline_ms,
  isOver,
  leaseTimes,
  type LeaseTimes,
  leftByHolder_ms,
  leftByOther_ms,
  mayGrant,
  wait_ms,
} from '../../src/model/lease.ts'

export type Part = 'c0' | 'c1' | 'agent' | 'watchdog'

export type Fault = { at_ms: number; for_ms: number } & (
  | { kind: 'pause' | 'kill'; part: Part }
  | { kind: 'cut'; controller: 0 | 1 | 'both' }
  | { kind: 'database'; controller: 0 | 1 | 'both' }
  | { kind: 'power' }
  | { kind: 'step'; by_ms: number }
)

export interface Flaws {
  /** The host reckons with other times than these. */
  host?: Partial<LeaseTimes>
  granting?: Partial<LeaseTimes>
  waiting?: Partial<LeaseTimes>
  counts_from_pong?: true
  trusts_database_clock?: true
  starts_unconfirmed?: true
  no_watchdog?: true
}

export interface Schedule {
  faults: readonly Fault[]
  rates: { host: number; c0: number; c1: number }
  delay_ms_max: number
  seed: number
  /** Which of the two that kill is never held up for longer than `late_ms` after the deadline. */
  sound: 'agent' | 'watchdog'
  late_ms: number
}

const tick_ms = 500
const horizon_ms = 200_000

interface Message {
  at_ms: number
  link: number
  to: 'host' | 0 | 1
  body: Body
}
type Body =
  | { type: 'hello' | 'welcome' | 'closed' }
  | { type: 'wanted'; here: boolean }
  | { type: 'ping'; sent_ms: number }
  | { type: 'pong'; sent_ms: number; lease_ms: number | null }

interface Session {
  link: number
  epoch: number
  begun_ms: number
  heard_ms: number
  granted_ms: number | null
  confirmed_ms: number
}

interface Controller {
  session: Session | null
  /** A link that has said hello, and waits for the database. */
  hello: { link: number; from_ms: number } | null
  pass: { from_ms: number } | null
  passed_ms: number
  /** What was decided and is not done yet. */
  granted: { link: number; sent_ms: number } | null
  ending: { epoch: number; left_ms: number } | null
  watching: { epoch: number; left_ms: number; since_ms: number } | null
}

const newController = (): Controller => ({
  session: null,
  hello: null,
  pass: null,
  passed_ms: Number.NEGATIVE_INFINITY,
  granted: null,
  ending: null,
  watching: null,
})

export class LeaseWorld {
  private now_ms = 0
  private readonly schedule: Schedule
  private readonly flaws: Flaws
  private readonly random: () => number
  private messages: Message[] = []
  private readonly controllers: [Controller, Controller] = [newController(), newController()]
  private database = {
    holder: null as 0 | 1 | null,
    epoch: 0,
    left_ms: null as number | null,
    over_at_ms: 0,
    leases: [0, 0] as [number, number],
    placed: 'A' as 'A' | 'B',
  }
  private stepped_ms = 0
  private links = 0
  private agent = {
    link: null as null | { id: number; to: 0 | 1; heard_ms: number; ping_ms: number; welcome: boolean },
    turn: 0,
    dial_ms: 0,
    confirmed: 0,
    here: true,
  }
  /** In memory of the machine: outlives processes, not a power cut. On the host's clock. */
  private deadline_ms = Number.NEGATIVE_INFINITY
  private guest: { running: boolean; starts_ms: number | null } = { running: false, starts_ms: null }
  /** What went wrong, in words; null while nothing has. */
  violation: string | null = null
  /** How often the guest was given to the other host, to see that the world does anything. */
  moved_at_ms: number | null = null
  ran = false

  constructor(schedule: Schedule, flaws: Flaws = {}) {
    this.schedule = schedule
    this.flaws = flaws
    let state = schedule.seed | 1
    this.random = () => {
      state = Math.imul(state, 1_664_525) + 1_013_904_223
      return (state >>> 8) / 2 ** 24
    }
  }

  run(): this {
    for (; this.now_ms < horizon_ms && this.violation === null; this.now_ms += tick_ms) {
      for (const fault of this.schedule.faults) if (this.begins(fault)) this.strike(fault)
      for (const n of [0, 1] as const) {
        const part: Part = n === 0 ? 'c0' : 'c1'
        if (this.is('kill', part)) this.controllers[n] = newController()
        else if (!this.is('pause', part)) this.control(n)
      }
      if (!this.active('power')) this.host()
    }
    return this
  }

  private begins(fault: Fault): boolean {
    return fault.at_ms >= this.now_ms && fault.at_ms < this.now_ms + tick_ms
  }

  private strike(fault: Fault): void {
    if (fault.kind === 'step') this.stepped_ms += fault.by_ms
    if (fault.kind === 'power') {
      this.guest = { running: false, starts_ms: null }
      this.deadline_ms = Number.NEGATIVE_INFINITY
      this.hangUp()
    }
    if (fault.kind === 'kill' && fault.part === 'agent') this.hangUp()
  }

  private hangUp(): void {
    this.agent.link = null
    this.agent.confirmed = 0
    this.agent.dial_ms = this.hostClock() + 1000
  }

  private active(kind: Fault['kind'], fits: (fault: Fault) => boolean = () => true): boolean {
    return this.schedule.faults.some(
      fault =>
        fault.kind === kind && this.now_ms >= fault.at_ms && this.now_ms < fault.at_ms + fault.for_ms && fits(fault),
    )
  }

  private is(kind: 'pause' | 'kill', part: Part): boolean {
    return part !== this.schedule.sound && this.active(kind, fault => 'part' in fault && fault.part === part)
  }

  private reaches(n: 0 | 1): boolean {
    return !this.active(
      'cut',
      fault => 'controller' in fault && (fault.controller === 'both' || fault.controller === n),
    )
  }

  private hasDatabase(n: 0 | 1): boolean {
    return !this.active(
      'database',
      fault => 'controller' in fault && (fault.controller === 'both' || fault.controller === n),
    )
  }

  private hostClock(): number {
    return this.now_ms * this.schedule.rates.host
  }

  private times(of: 'host' | 'granting' | 'waiting'): LeaseTimes {
    return { ...leaseTimes, ...this.flaws[of] }
  }

  private send(link: number, to: Message['to'], body: Body): void {
    const at_ms = this.now_ms + tick_ms + Math.floor(this.random() * this.schedule.delay_ms_max)
    this.messages.push({ at_ms, link, to, body })
  }

  /** What has come by now, in any order. What comes while a cut lasts is lost. */
  private receive(to: Message['to']): Message[] {
    const due = this.messages.filter(one => one.to === to && one.at_ms <= this.now_ms)
    if (due.length > 0) this.messages = this.messages.filter(one => !due.includes(one))
    return due
  }

  // The host

  private host(): void {
    const { guest } = this
    if (guest.starts_ms !== null && this.now_ms >= guest.starts_ms) {
      this.guest = { running: true, starts_ms: null }
      this.ran = true
    }
    const watches = !this.is('pause', 'watchdog') && !this.is('kill', 'watchdog') && this.flaws.no_watchdog !== true
    const acts = !this.is('pause', 'agent') && !this.is('kill', 'agent')
    if (acts) this.act()
    const over_for_ms = this.now_ms - this.deadline_ms / this.schedule.rates.host
    if (over_for_ms >= this.schedule.late_ms && (watches || acts)) this.guest.running = false
    if (this.guest.running && this.database.placed === 'B') this.violation ??= `two run it at ${this.now_ms} ms`
  }

  private act(): void {
    const { agent } = this
    const now = this.hostClock()
    for (const { link, body } of this.receive('host')) if (agent.link?.id === link) this.take(body)
    const open = agent.link
    if (open && now - open.heard_ms > 20_000) this.hangUp()
    else if (open?.welcome && now >= open.ping_ms) {
      this.say(open, { type: 'ping', sent_ms: now })
      open.ping_ms = now + leaseTimes.heartbeat_ms
    }
    if (!agent.link && now >= agent.dial_ms) {
      const to = (agent.turn++ % 2) as 0 | 1
      agent.link = { id: ++this.links, to, heard_ms: now, ping_ms: now, welcome: false }
      this.say(agent.link, { type: 'hello' })
    }
    const told = this.flaws.starts_unconfirmed === true || (agent.confirmed !== 0 && agent.confirmed === agent.link?.id)
    const may = agent.here && told && now < this.deadline_ms
    if (may && !this.guest.running && this.guest.starts_ms === null) {
      this.guest.starts_ms = this.now_ms + Math.floor(this.random() * 2000)
    }
    if (!agent.here && told) this.guest = { running: false, starts_ms: null }
  }

  private say(link: { id: number; to: 0 | 1 }, body: Body): void {
    if (this.reaches(link.to)) this.send(link.id, link.to, body)
  }

  private take(body: Body): void {
    const { agent } = this
    const now = this.hostClock()
    if (!agent.link) return
    agent.link.heard_ms = now
    if (body.type === 'closed') this.hangUp()
    if (body.type === 'welcome') agent.link.welcome = true
    if (body.type === 'wanted') Object.assign(agent, { here: body.here, confirmed: agent.link.id })
    if (body.type === 'pong' && body.lease_ms !== null) {
      const from_ms = this.flaws.counts_from_pong === true ? now : body.sent_ms
      this.deadline_ms = Math.max(this.deadline_ms, hostDeadline_ms(from_ms, body.lease_ms, this.times('host')))
    }
  }

  // Controllers

  private control(n: 0 | 1): void {
    const me = this.controllers[n]
    const now = this.now_ms * (n === 0 ? this.schedule.rates.c0 : this.schedule.rates.c1)
    const answer = (link: number, body: Body) => this.reaches(n) && this.send(link, 'host', body)
    if (me.granted) {
      answer(me.granted.link, { type: 'pong', sent_ms: me.granted.sent_ms, lease_ms: leaseTimes.lease_ms })
      me.granted = null
    }
    for (const { link, body } of this.receive(n)) {
      if (body.type === 'hello') me.hello = { link, from_ms: now }
      if (body.type === 'ping' && me.session?.link === link) {
        me.session.heard_ms = now
        if (mayGrant(now - me.session.confirmed_ms, this.times('granting'))) {
          me.session.granted_ms = now
          me.granted = { link, sent_ms: body.sent_ms }
        } else answer(link, { type: 'pong', sent_ms: body.sent_ms, lease_ms: null })
      }
    }
    if (me.session && now - me.session.heard_ms > leaseTimes.silence_ms_max) this.giveUp(n, now, answer)
    if (this.hasDatabase(n)) this.query(n, now, answer)
  }

  private giveUp(n: 0 | 1, now: number, answer: (link: number, body: Body) => void): void {
    const me = this.controllers[n]
    if (!me.session) return
    const { link, epoch, begun_ms, granted_ms } = me.session
    const left_ms = leftByHolder_ms(
      {
        lease_ms: leaseTimes.lease_ms,
        begun_ago_ms: now - begun_ms,
        granted_ago_ms: granted_ms === null ? null : now - granted_ms,
      },
      this.times('waiting'),
    )
    me.ending = { epoch, left_ms }
    me.session = null
    answer(link, { type: 'closed' })
  }

  private query(n: 0 | 1, now: number, answer: (link: number, body: Body) => void): void {
    const me = this.controllers[n]
    const { database } = this
    if (me.ending) this.end(me.ending.epoch, me.ending.left_ms)
    me.ending = null
    if (me.hello) {
      if (me.session) this.giveUp(n, now, answer)
      database.holder = n
      database.epoch++
      const { link, from_ms } = me.hello
      me.session = {
        link,
        epoch: database.epoch,
        begun_ms: now,
        heard_ms: now,
        granted_ms: null,
        confirmed_ms: from_ms,
      }
      answer(link, { type: 'welcome' })
      answer(link, { type: 'wanted', here: database.placed === 'A' })
      me.hello = null
    }
    if (me.pass) this.pass(n, now, me.pass.from_ms, answer)
    else if (now - me.passed_ms >= leaseTimes.controller_pass_ms) me.pass = { from_ms: now }
    this.watch(me, now)
  }

  private pass(n: 0 | 1, now: number, from_ms: number, answer: (link: number, body: Body) => void): void {
    const me = this.controllers[n]
    const { database } = this
    me.pass = null
    me.passed_ms = now
    database.leases[n] = this.databaseClock() + leaseTimes.controller_lease_ms
    const mine = database.holder === n
    if (me.session && mine && database.epoch === me.session.epoch) me.session.confirmed_ms = from_ms
    else if (me.session) {
      answer(me.session.link, { type: 'closed' })
      me.session = null
    } else if (mine) this.end(database.epoch, leftByOther_ms(leaseTimes.lease_ms, this.times('waiting')))
    const { holder } = database
    if (holder !== null && database.leases[holder] < this.databaseClock()) {
      this.end(database.epoch, leftByOther_ms(leaseTimes.lease_ms, this.times('waiting')))
    }
  }

  private databaseClock(): number {
    return this.now_ms + this.stepped_ms
  }

  private end(epoch: number, left_ms: number): void {
    const { database } = this
    if (database.epoch !== epoch || database.holder === null) return
    database.holder = null
    database.left_ms = left_ms
    database.over_at_ms = this.databaseClock() + wait_ms(left_ms, this.times('waiting'))
  }

  private watch(me: Controller, now: number): void {
    const { database } = this
    if (database.holder !== null || database.left_ms === null || database.placed === 'B') {
      me.watching = null
      return
    }
    const { epoch, left_ms } = database
    if (me.watching?.epoch !== epoch) me.watching = { epoch, left_ms, since_ms: now }
    const over = this.flaws.trusts_database_clock
      ? this.databaseClock() >= database.over_at_ms
      : isOver(left_ms, now - me.watching.since_ms, this.times('waiting'))
    if (!over) return
    database.placed = 'B'
    this.moved_at_ms = this.now_ms
    if (this.guest.running) this.violation ??= `given away at ${this.now_ms} ms while it runs`
  }
}
