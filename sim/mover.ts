/**
 * Moves between simulated hosts, as libvirt and the two agents' movers would make them: memory goes over in steps that anything
 * may interrupt, the guest pauses at the source, runs at the target, and only then is gone at the source. What was killed in
 * between is left as libvirt leaves it.
 */
import { type Arrivals, type Coming, Failure, type Leaving, type Mover, type Sent } from '../src/agent/ports.ts'
import type { Clock } from '../src/lib/clock.ts'
import { asOff } from './domain.ts'
import type { SimulatedHost } from './host.ts'
import type { Seeded } from './random.ts'

interface Expected {
  host: SimulatedHost
  alive: () => boolean
  coming: Coming
  /** Of the source's agent that is at it. */
  source_alive: (() => boolean) | null
}

/** Which hosts wait for which instances, and which hosts reach each other. */
export class MovingGround {
  private readonly expected = new Map<string, Expected>()
  private readonly cut = new Set<string>()
  /** A guest is paused, and about to be handed from the one to the other: a moment that chance alone would hardly meet. */
  handingOver: (from: SimulatedHost, to: SimulatedHost) => void = () => undefined

  put(one: Expected): void {
    this.expected.set(`${one.host.id} ${one.coming.instance.id}`, one)
  }

  of(host_id: string, instance_id: string): Expected | undefined {
    return this.expected.get(`${host_id} ${instance_id}`)
  }

  remove(host_id: string, instance_id: string): void {
    this.expected.delete(`${host_id} ${instance_id}`)
  }

  /** The network between two hosts, of which both may reach the controllers. */
  cutLine(one: Pick<SimulatedHost, 'id'>, other: Pick<SimulatedHost, 'id'>): () => void {
    const line = lineOf(one, other)
    this.cut.add(line)
    return () => this.cut.delete(line)
  }

  isJoined(one: SimulatedHost, other: SimulatedHost): boolean {
    return !one.cut && !other.cut && !this.cut.has(lineOf(one, other))
  }
}

const lineOf = (...ends: readonly Pick<SimulatedHost, 'id'>[]) =>
  ends
    .map(({ id }) => id)
    .sort()
    .join(' ')

interface MoverParts {
  ground: MovingGround
  host: SimulatedHost
  alive: () => boolean
  clock: Clock
  random: Seeded
  /** Takes its time; never comes back in a life that has ended. */
  pause: () => Promise<void>
}

const look_ms = 100

export function simulatedMover(parts: MoverParts): Mover {
  const { ground, host, alive, clock, pause } = parts

  function reach(target_id: string, instance_id: string, secret: string): Expected | null {
    const found = ground.of(target_id, instance_id)
    const there = found && found.alive() && found.host.powered && ground.isJoined(host, found.host)
    return there && found.coming.migration.secret === secret ? found : null
  }

  /** The other's answer, or null when it dies or is cut off before it comes. */
  async function answerOf<T>(other: Expected, asked: Promise<T>): Promise<T | null> {
    let answer: { value: T } | null = null
    asked.then(value => (answer = { value })).catch(() => undefined)
    for (;;) {
      if (answer !== null) return ground.isJoined(host, other.host) ? (answer as { value: T }).value : null
      if (!other.alive() || !ground.isJoined(host, other.host)) return null
      await clock.sleep(look_ms)
      if (!alive()) await new Promise<never>(() => {})
    }
  }

  async function send(leaving: Leaving): Promise<Sent> {
    const { id } = leaving.instance
    const { peer_host_id, secret, kind } = leaving.migration
    const reached = () => reach(peer_host_id, id, secret)
    const stayed = (reason: string): Sent => ({ outcome: 'stayed', reason })
    host.handed_over.delete(id)
    host.went_over.delete(id)
    await pause()
    const target = reached()
    if (!target || target.source_alive?.() || target.coming.refused()) return stayed('the target cannot be reached')
    target.source_alive = alive
    try {
      const { bandwidth_mib_s, timeout_s } = leaving.migration
      const began_ms = clock.steady_ms()
      const elapsed_ms = () => clock.steady_ms() - began_ms
      const left_ms = () => (timeout_s === undefined ? Number.POSITIVE_INFINITY : timeout_s * 1000 - elapsed_ms())
      // As slowly as it is to be sent, looking as often as otherwise.
      const least_ms = kind === 'live' && bandwidth_mib_s ? (memory_mib / bandwidth_mib_s) * 1000 : 0
      const steps = Math.max(parts.random.between(1, 6), Math.ceil(least_ms / 1000))
      for (let step = 1; step <= steps; step++) {
        leaving.show(progressAt((step - 1) / steps, elapsed_ms(), bandwidth_mib_s))
        await clock.sleep(Math.max(0, Math.min(Math.max(parts.random.between(50, 1500), least_ms / steps), left_ms())))
        await pause()
        if (timeout_s !== undefined && left_ms() <= 0) return stayed(tooLong(timeout_s))
        if (leaving.signal.aborted) return stayed('given up')
        if (reached() !== target) return stayed('the target went away')
        const power = host.domains.get(id)?.power
        if (kind === 'live' && power !== 'running') return stayed('the guest stopped on the way')
      }
      return await handOver(leaving, target, elapsed_ms)
    } finally {
      target.source_alive = null
    }
  }

  const mayRun = ({ coming }: Expected): Promise<boolean> =>
    coming.mayRun(true).then(
      () => true,
      () => false,
    )

  async function handOver(leaving: Leaving, target: Expected, elapsed_ms: () => number): Promise<Sent> {
    const { instance, migration } = leaving
    const whole = () => progressAt(1, elapsed_ms(), migration.bandwidth_mib_s)
    const { id } = instance
    host.handed_over.add(id)
    await leaving.handingOver()
    const before = host.domains.get(id)
    const live = migration.kind === 'live'
    if (live) {
      if (before?.power !== 'running') return { outcome: 'stayed', reason: 'the guest stopped on the way' }
      host.put({ ...before, power: 'paused', moving: 'paused' })
    }
    ground.handingOver(host, target.host)
    await pause()
    const unsure: Sent = { outcome: 'unsure', reason: 'the target does not answer' }
    if (reach(migration.peer_host_id, id, migration.secret) !== target) return unsure
    // All of them have come when the guest is handed over.
    for (const disk of instance.disks) target.host.volumes.set(disk.volume_id, id)
    const may = live ? await answerOf(target, mayRun(target)) : true
    if (may === null) return unsure
    if (!may) {
      if (before) host.put({ ...before })
      return { outcome: 'stayed', reason: 'the target does not take it' }
    }
    await pause()
    if (reach(migration.peer_host_id, id, migration.secret) !== target) return unsure
    if (live && before) {
      target.host.put(before)
      host.went_over.add(id)
    }
    const come = { started_at: null, progress: whole() }
    const said = await answerOf(
      target,
      target.coming.arrived(come).then(() => true),
    )
    if (said === null) return unsure
    await pause()
    if (live && before) host.put(asOff(before, 'migrated'))
    return { outcome: 'switched', progress: whole() }
  }

  return {
    async expect(coming) {
      await pause()
      ground.put({ host, alive, coming, source_alive: null })
      return { address: `${host.address}:7072` }
    },
    isComing: id => ground.of(host.id, id)?.source_alive?.() === true,
    async dismiss(id) {
      await pause()
      ground.remove(host.id, id)
    },
    send,
    async ask({ id }, migration) {
      await pause()
      const target = reach(migration.peer_host_id, id, migration.secret)
      const standing = target && (await answerOf(target, target.coming.standing()))
      if (!standing) throw new Failure('the target does not answer')
      return standing
    },
    abort: pause,
    async stop() {},
  }
}

/** Of each guest, whatever it has. */
const memory_mib = 128

const tooLong = (timeout_s: number) =>
  `The move did not end within ${timeout_s} s. Allow more bandwidth or time, and try again.`

function progressAt(share: number, elapsed_ms: number, bandwidth_mib_s = 50) {
  const memory_total_bytes = memory_mib * 1024 ** 2
  return {
    memory_total_bytes,
    memory_left_bytes: Math.round(memory_total_bytes * (1 - share)),
    disk_total_bytes: 0,
    disk_left_bytes: 0,
    rate_bytes_s: Math.min(50, bandwidth_mib_s) * 1024 ** 2,
    elapsed_ms: Math.round(elapsed_ms),
    downtime_ms: share === 1 ? 100 : null,
    postcopy: false,
  }
}

/** Disks that come are there when the guest is: until then nothing of them counts. */
export function simulatedArrivals(pause: () => Promise<void>): Arrivals {
  return {
    prepare: pause,
    async fit() {
      await pause()
      return true
    },
    async files() {
      await pause()
      return []
    },
    settle: pause,
    async located(instance) {
      await pause()
      return instance.disks.map(wanted => ({
        wanted,
        path: `/disks/${wanted.volume_id}`,
        format: 'qcow2' as const,
        direct_io: true,
      }))
    },
    async leaving() {
      await pause()
      return []
    },
    drop: pause,
  }
}
