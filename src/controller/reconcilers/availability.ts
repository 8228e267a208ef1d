/**
 * Hosts that are not there: others are asked about them, they are declared dead, fenced, and their highly available instances run
 * elsewhere. One controller leads. Each pass reads what was noted and takes the one next step for each host (model/host-state.ts);
 * each step is a transaction, or an act that may be done twice (asking, cutting power) and then one. So it does not matter when the
 * leader is killed: the next one goes on from what was noted. Waiting for a lease begins anew with it, which costs only time.
 */
import type { Timer } from '../../lib/clock.ts'
import { isDatabaseAway } from '../../lib/database-away.ts'
import { type LossStep, nextStep } from '../../model/host-state.ts'
import { isOver, wait_ms } from '../../model/lease.ts'
import { restartElsewhere } from '../app/ha-recover.ts'
import type { Cloud } from '../cloud.ts'
import { type AbsentHost, absence } from '../store/absence.ts'
import { channels } from '../store/database.ts'
import { leader } from '../store/leader.ts'
import { verifyRestarts } from './ha-verify.ts'
import { settleWaiting } from './ha-waiting.ts'
import { Loop } from './loop.ts'
import { askOthers, declareDead, fence, learnReach, noteLeaseOver } from './lost-host.ts'
import { type Pace, Pacer } from './pacer.ts'
import { brake, type CalmSince } from './storm.ts'

/** Often enough to keep the lead; while a host is lost, as soon as there may be something to do. */
const pass_every_ms = 4000
const busy_every_ms = 1000
/**
 * Each pass reads of all hosts that are not there. When thousands dial in again after their controller was lost, passes one after the other
 * would take as much of controller and database as all their links.
 */
const pace: Pace = { rest: 4, rest_ms_max: 3000 }
const lead_rules = { lease_s: 10, gap_s: 5 }
/**
 * Hosts about which others are asked at a time. Of those on which nothing waits to run elsewhere few: to know it is worth less than that thousands
 * of others dial in again meanwhile, for which there has to be a connection to the database. Of the others more.
 */
export const asks_max = { idle: 8, pressing: 256 }
/** Instances that are restarted in one pass. */
const restarts_max = 25
/** One that found no room is tried again after this time. */
const no_room_again_ms = 15_000
const passed_again_ms = 2000

/** Since when this process has seen the end of a host's link, by its own steady clock. */
interface Watch {
  epoch: number
  left_ms: number
  since_ms: number
}

export class Availability {
  private readonly cloud: Cloud
  private readonly loop: Loop
  private readonly pacer: Pacer
  private readonly watches = new Map<string, Watch>()
  /** What takes its time (asking others, cutting power), by host. */
  private readonly underWay = new Map<string, Promise<void>>()
  private readonly asks = { idle: 0, pressing: 0 }
  /** By instance, until when it is not tried again; by the steady clock. */
  private readonly noRoom = new Map<string, number>()
  private readonly calm: CalmSince = new Map()
  /** Whether restarts may wait for a host that takes them: they are not looked for all the time. */
  private mayWait = true
  /** Of those of which something has come, which one was settled last. */
  private settledLast: string | null = null
  /** By the steady clock. */
  private learnAgain_ms = 0
  private timer: Timer | undefined
  private stopListening: () => void = () => undefined

  constructor(cloud: Cloud) {
    this.cloud = cloud
    const { clock, log } = cloud
    this.loop = new Loop({
      name: 'hosts that are lost',
      clock,
      log,
      every_ms: pass_every_ms,
      pass: () => this.pass(),
    })
    this.pacer = new Pacer(clock, () => this.loop.wake(), pace)
  }

  start(): Loop {
    this.stopListening = this.cloud.database.listen(channels.absence, () => {
      // A host may have come of which nobody knows who reaches it.
      this.learnAgain_ms = 0
      this.pacer.ask()
    })
    return this.loop
  }

  /** Ends what is under way first: a power that is being cut is noted. */
  async close(): Promise<void> {
    this.stopListening()
    this.timer?.cancel()
    this.pacer.close()
    await Promise.allSettled(this.underWay.values())
    await leader.resign(this.cloud.database.db, this.cloud.self.id)
  }

  private async pass(): Promise<boolean> {
    const { database, self, settings, clock } = this.cloud
    const leading = await leader.lead(database.db, 'availability', self.id, lead_rules)
    if (!leading) {
      this.watches.clear()
      this.calm.clear()
      this.mayWait = true
      return false
    }
    const { absent, now_ms, held } = await this.pacer.timed(async () => {
      const absent = await absence.list(database.db)
      const now_ms = await absence.now(database.db)
      return { absent, now_ms, held: await brake(this.cloud, absent, now_ms, this.calm) }
    })
    const unsteady = leading.steady_ms < settings.get('ha.settle_s') * 1000 ? just_back : null
    let next_ms = Number.POSITIVE_INFINITY
    for (const one of absent) {
      const step = nextStep(one.absence, this.around(one, unsteady ?? held.get(one.zone_id) ?? null), now_ms)
      if (step.do === 'wait')
        next_ms = Math.min(next_ms, step.until_ms === null ? this.leaseWait_ms(one) : step.until_ms - now_ms)
      else this.take(one, step)
    }
    this.forgetWatches(absent)
    this.learn()
    const more = unsteady === null && (await this.restart(held))
    const open = await verifyRestarts(this.cloud)
    const left = await this.settle()
    if (absent.length > 0 || open || this.mayWait) next_ms = Math.min(next_ms, busy_every_ms)
    this.timer?.cancel()
    if (next_ms < pass_every_ms) this.timer = clock.after(Math.max(100, next_ms), () => this.pacer.ask())
    return more || left
  }

  /** What has come of restarts that wait. True when there is more. */
  private async settle(): Promise<boolean> {
    if (!this.mayWait) return false
    const { waits, next } = await settleWaiting(this.cloud, this.settledLast)
    this.mayWait = waits
    this.settledLast = next
    return next !== null
  }

  private around(one: AbsentHost, held_back: string | null) {
    const { linked, waiting, has_bmc, expected } = one
    return { linked, waiting, has_bmc, expected, lease_over: this.isLeaseOver(one), held_back }
  }

  /** Never true for one that had no lease: its agent is too old to know of them, and stops nothing. */
  private isLeaseOver({ host_id, epoch, linked, lease_left_ms }: AbsentHost): boolean {
    if (linked || lease_left_ms === null) return false
    const steady_ms = this.cloud.clock.steady_ms()
    const seen = this.watches.get(host_id)
    if (seen?.epoch !== epoch || seen.left_ms !== lease_left_ms) {
      this.watches.set(host_id, { epoch, left_ms: lease_left_ms, since_ms: steady_ms })
      return false
    }
    return isOver(seen.left_ms, steady_ms - seen.since_ms)
  }

  private leaseWait_ms({ host_id }: AbsentHost): number {
    const seen = this.watches.get(host_id)
    return seen ? Math.max(0, seen.since_ms + wait_ms(seen.left_ms) - this.cloud.clock.steady_ms()) : pass_every_ms
  }

  private forgetWatches(absent: readonly AbsentHost[]): void {
    const ids = new Set(absent.map(one => one.host_id))
    for (const id of this.watches.keys()) if (!ids.has(id)) this.watches.delete(id)
  }

  /** One step at a time for each host; the pass does not wait for it. */
  private take(one: AbsentHost, step: Exclude<LossStep, { do: 'wait' }>): void {
    // A power that cannot be cut in time does not hold the lease's end up.
    const key = step.do === 'note_lease_over' ? `lease of ${one.host_id}` : one.host_id
    if (step.do === 'restart' || this.underWay.has(key)) return
    const urgency = one.waiting === 0 ? 'idle' : 'pressing'
    const is_asking = step.do === 'ask'
    if (is_asking && this.asks[urgency] >= asks_max[urgency]) return
    if (is_asking) this.asks[urgency] += 1
    const { cloud } = this
    const acts = {
      ask: () => askOthers(cloud, one),
      declare_dead: () => declareDead(cloud, one),
      fence: () => fence(cloud, one),
      note_lease_over: () => noteLeaseOver(cloud, one),
    }
    const work = acts[step.do]()
      .catch(error =>
        cloud.log.warn({ err: error, host: one.host }, `'${step.do}' failed for a lost host; it is tried again`),
      )
      .finally(() => {
        this.underWay.delete(key)
        if (is_asking) this.asks[urgency] -= 1
        this.pacer.ask()
      })
    this.underWay.set(key, work)
  }

  /** Who reaches which host, while they are there; nothing waits for it. */
  private learn(): void {
    const { cloud } = this
    const from_ms = cloud.clock.steady_ms()
    if (this.underWay.has(learning) || from_ms < this.learnAgain_ms) return
    // Looking for them takes its time where there are thousands.
    const looked = () => {
      const now_ms = cloud.clock.steady_ms()
      this.learnAgain_ms = now_ms + learnRest * (now_ms - from_ms)
    }
    const work = learnReach(cloud, looked)
      .catch(error => cloud.log.warn({ err: error }, 'who reaches which host was not found out; it is tried again'))
      .finally(() => this.underWay.delete(learning))
    this.underWay.set(learning, work)
  }

  /** The most important first, of all hosts together but those of zones where nothing is done now. True when there are more. */
  private async restart(held: ReadonlyMap<string, string>): Promise<boolean> {
    const { clock, database, log } = this.cloud
    const found = await absence.toRestart(database.db)
    const due = found.filter(
      one => !held.has(one.zone_id) && (this.noRoom.get(one.id) ?? -Infinity) <= clock.steady_ms(),
    )
    for (const one of due.slice(0, restarts_max)) {
      this.noRoom.set(one.id, clock.steady_ms() + no_room_again_ms)
      try {
        const came = await restartElsewhere(this.cloud, { id: one.host_id, name: one.host }, one.id)
        // It may only wait for what another host has of it.
        if (came === 'no_room') this.mayWait = true
        if (came === 'passed') this.noRoom.set(one.id, clock.steady_ms() + passed_again_ms)
        log.info({ instance_id: one.id, from: one.host, came }, 'an instance of a lost host')
      } catch (error) {
        // One that cannot be restarted keeps no other one waiting.
        if (isDatabaseAway(error)) throw error
        log.warn(
          { err: error, instance_id: one.id },
          'an instance of a lost host could not be restarted; it is tried again',
        )
      }
    }
    if (found.length === 0) this.noRoom.clear()
    return due.length > restarts_max
  }
}

/** After looking whose neighbours are to be asked, so many times as long nobody looks. */
const learnRest = 400

/** Among the acts on single hosts. */
const learning = 'who reaches whom'

const just_back =
  'The controllers, or the database, are only just back: agents dial in again before any host is taken for lost.'
