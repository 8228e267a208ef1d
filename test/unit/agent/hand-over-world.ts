/**
 * Two agents' moves in small, for tests of a hand-over: their own code on both sides, and between them what libvirt, the network and the
 * controllers are to them, each of which does its part only when the test says so.
 */
import assert from 'node:assert/strict'
import type { Coming, Leaving, Mover, Sent } from '../../../src/agent/ports.ts'
import { type Done, nothingDone } from '../../../src/agent/reconcilers/done.ts'
import { createMoves, type Moves, type Step } from '../../../src/agent/reconcilers/moves.ts'
import { loadWantedSet, type WantedSet } from '../../../src/agent/wanted-set.ts'
import { carriedOf, type MigrationPhase, nextOf, stepFor } from '../../../src/model/migration.ts'
import type { WantedInstance } from '../../../src/protocol/wanted.ts'
import {
  domain,
  type FakeHost,
  fakeArrivals,
  fakeHost,
  fakeHypervisor,
  fakeState,
  manualClock,
  quiet,
  uuid,
} from './fakes.ts'
import { wantedInstance } from './fakes.ts'

const plain = wantedInstance()
export const { id } = plain
export const move = {
  id: uuid(50),
  kind: 'live' as const,
  secret: 's'.repeat(16),
  copied_volumes: [],
  auto_converge: false,
}

type Side = 'source' | 'target'
const nothing = async () => undefined
const never = () => Promise.reject(new Error('not here'))
const arrivals = fakeArrivals()

/** What is under way between the two agents, as the target has it. */
interface Session {
  at: 'open' | 'taking' | 'over'
  /** The source has said that all is sent: it may come late, but not once the target has noticed that the line is gone. */
  performed: boolean
  answer: 'here' | 'not here' | null
  source_gone: boolean
}

/** One agent's life, on its host. */
interface Life {
  moves: Moves
  wanted: WantedSet
  alive: boolean
}

export class World {
  readonly hosts: Record<Side, FakeHost> = { source: fakeHost(), target: fakeHost() }
  readonly lives = {} as Record<Side, Life>
  line = true
  session: Session | null = null
  coming: Coming | null = null
  row: { phase: MigrationPhase; cancel_asked: boolean; asks: string | null; never: string | null; placement: number }
  saved: World['row'] | null = null
  outcome: 'goes' | 'stays' | null = null
  /** The guest has run, or goes on, there; by whichever way. */
  readonly ran = { source_again: false, target: false }
  private gates: (() => void)[] = []

  constructor() {
    this.row = { phase: 'preparing', cancel_asked: false, asks: null, never: null, placement: 1 }
    this.hosts.source.domains.set(id, domain())
  }

  async begin(side: Side): Promise<void> {
    const host = this.hosts[side]
    let done: Done = nothingDone
    const life = { alive: true, wanted: await loadWantedSet(fakeState(host), quiet) } as Life
    this.lives[side] = life
    const { instances } = life.wanted
    life.moves = await createMoves({
      hypervisor: fakeHypervisor(host),
      storage: { prepare: async () => [], remove: nothing, present: async () => [] },
      guestData: { prepare: async () => null, prepared: async () => null, remove: nothing },
      mover: side === 'source' ? this.leads(life) : this.waits(life),
      arrivals,
      state: fakeState(host),
      clock: manualClock(),
      log: quiet,
      boot_id: host.boot_id,
      instances,
      networkReady: nothing,
      doneOf: () => done,
      noteDone: async (_id, given) => void (done = given),
      wake() {},
      wakeAfter() {},
    })
    if (instances.size === 0) await this.tell(side)
  }

  private waits(life: Life): Mover {
    return {
      expect: async given => {
        this.coming = given
        return { address: '192.0.2.2:7072' }
      },
      isComing: () => life.alive && this.session !== null && this.session.at !== 'over',
      dismiss: async () => {
        this.coming = null
        this.session = null
      },
      send: never,
      ask: never,
      abort: never,
      stop: nothing,
    }
  }

  private leads(life: Life): Mover {
    return {
      expect: never,
      isComing: () => false,
      dismiss: nothing,
      send: leaving => this.send(leaving, life),
      ask: async () => {
        if (!this.line || this.coming === null) throw new Error('the target cannot be reached')
        const standing = await this.coming.standing()
        const busy = this.session !== null && this.session.at !== 'over'
        return standing === 'never' && busy ? 'unsettled' : standing
      },
      abort: nothing,
      stop: nothing,
    }
  }

  /** Until the test lets it go on; a life that is over never does. */
  private async gate(life: Life): Promise<void> {
    await new Promise<void>(go => this.gates.push(go))
    if (!life.alive) await new Promise<never>(() => undefined)
  }

  private async send({ handingOver, signal }: Leaving, life: Life): Promise<Sent> {
    const stayed: Sent = { outcome: 'stayed', reason: 'so' }
    if (!this.line || this.coming === null || this.coming.refused()) return stayed
    if (this.session !== null && this.session.at !== 'over') return stayed
    if ((await this.coming.standing()) !== 'never') return stayed
    const session: Session = { at: 'open', performed: false, answer: null, source_gone: false }
    this.session = session
    try {
      await this.gate(life)
      if (signal.aborted || !this.line || this.session !== session || session.at !== 'open') return stayed
      await handingOver()
      this.hosts.source.domains.set(id, domain({ power: 'paused', moving: 'paused' }))
      session.performed = true
      while (this.line && this.session === session && session.answer === null) await this.gate(life)
      if (!this.line || session.answer === null) return { outcome: 'unsure', reason: 'no answer' }
      if (session.answer === 'not here') {
        this.hosts.source.domains.set(id, domain())
        return stayed
      }
      this.hosts.source.domains.set(id, domain({ power: 'off', off_reason: 'migrated' }))
      return { outcome: 'switched', progress: null }
    } finally {
      session.source_gone = true
    }
  }

  /** As store/migration-parts.ts. */
  private wantedOf(side: Side): WantedInstance {
    const step = stepFor(this.row, side)
    const { asks, never: said, placement } = this.row
    if (step === null) return { ...plain, placement }
    const peer_host_id = uuid(side === 'source' ? 52 : 51)
    const more = {
      ...(step === 'prepare' && asks !== null && { asked: asks }),
      ...((step === 'send' || step === 'cancel') && said !== null && { never: said }),
    }
    return { ...plain, placement, migration: { ...move, step, peer_host_id, ...more } }
  }

  async tell(side: Side): Promise<void> {
    if (this.row.phase === 'ended') return
    const { wanted, moves } = this.lives[side]
    const instances = [this.wantedOf(side)]
    const frame = { type: 'wanted' as const, whole: false, instances, networks: [], forget_networks: [] }
    await wanted.take({ ...frame, forget_instances: [] }, moves.isGone)
  }

  /** As app/migration-steps.ts. */
  hear(side: Side): void {
    const { moves } = this.lives[side]
    const wanted = this.wantedBy(side)
    const { migration: word, power } = moves.report(wanted)
    if (word) Object.assign(this.row, carriedOf(this.row, side, word))
    const next = nextOf(this.row, side, { absent: power === 'absent', phase: word?.phase ?? null })
    const phases = { send: 'sending', switch: 'leaving', 'give-up': 'discarding', end: 'ended' } as const
    if (next === 'ask-cancel') this.row.cancel_asked = true
    else if (next !== null && next !== 'progress') this.row.phase = phases[next]
    if (next === 'switch') this.row.placement++
    if (next === 'switch' || next === 'give-up') this.outcome = next === 'switch' ? 'goes' : 'stays'
  }

  private wantedBy(side: Side): WantedInstance {
    const found = this.lives[side].wanted.instances.get(id)
    assert.ok(found)
    return found
  }

  async pass(side: Side): Promise<void> {
    const { moves } = this.lives[side]
    const host = this.hosts[side]
    const wanted = this.wantedBy(side)
    let step: Step = 'again'
    for (let acts = 0; step === 'again'; acts++) {
      assert.ok(acts < 12, `the ${side} goes in circles`)
      step = await moves.step(wanted, host.domains.get(id) ?? null, () => undefined, new AbortController().signal)
    }
    // From here on it is for the usual plan, which has it run.
    if (side === 'source' && step === 'usual') this.goesOn()
    if (side === 'source' && host.acts.includes(`resume ${id.slice(-2)}`)) this.goesOn()
  }

  private goesOn(): void {
    this.ran.source_again = true
    this.mustBeOne()
  }

  async kill(side: Side, power = false): Promise<void> {
    this.lives[side].alive = false
    if (side === 'target') {
      this.coming = null
      this.session = null
    } else if (this.session) this.session.source_gone = true
    if (power) {
      this.hosts[side].domains.clear()
      this.hosts[side].boot_id += '+'
    }
    await this.begin(side)
  }

  goOn(): void {
    for (const go of this.gates.splice(0)) go()
  }

  /** What the target makes of the source's word, half by half. */
  async take(): Promise<void> {
    const { session, coming } = this
    if (session?.at !== 'open' || !session.performed || coming === null) return
    try {
      await coming.mayRun(true)
      session.at = 'taking'
    } catch {
      Object.assign(session, { at: 'over', answer: 'not here' })
    }
  }

  async run(may: boolean): Promise<void> {
    const { session, coming } = this
    if (session?.at !== 'taking' || coming === null) return
    if (may) {
      this.hosts.target.domains.set(id, domain())
      this.ran.target = true
      this.mustBeOne()
      await coming.arrived({ started_at: null, progress: null })
    } else await coming.mayRun(false)
    Object.assign(session, { at: 'over', answer: may ? 'here' : 'not here' })
  }

  /** That the source, or the line, is gone. */
  notice(): void {
    if (this.session?.at === 'open' && (!this.line || this.session.source_gone)) this.session = null
  }

  /** Once it has switched what hosts hold decides, on new links (docs/design/0016-restored.md). */
  restore(): void {
    const undecided = this.row.phase === 'sending' || this.row.phase === 'discarding'
    if (this.saved !== null && undecided) this.row = { ...this.saved }
  }

  mustBeOne(): void {
    assert.ok(!(this.ran.source_again && this.ran.target), 'the guest went on at its source, and has run on its target')
  }
}
