/**
 * A host that does at once what it is told, over the controller's own session code: for tests of the controller that need
 * hosts, not agents. It can be told to fail, to fall silent and to hold its reports back.
 */

import { factsOf, type HostSize, poolOf } from '../../sim/facts.ts'
import type { AgentSession } from '../../src/controller/agents/session.ts'
import { leaseTimes } from '../../src/model/lease.ts'
import { makeId } from '../../src/controller/cloud.ts'
import type { Timer } from '../../src/lib/clock.ts'
import type { HostFacts } from '../../src/protocol/host-facts.ts'
import {
  type AgentCall,
  type ControllerFrame,
  type InstanceReport,
  newerCalls,
  parseControllerFrame,
} from '../../src/protocol/messages.ts'
import type { MigrationProgress, MigrationReport } from '../../src/protocol/migration.ts'
import type { SamplesFrame } from '../../src/protocol/samples.ts'
import type { WantedInstance } from '../../src/protocol/wanted.ts'
import type { TestCloud } from './cloud.ts'

export class ObedientHost {
  readonly id: string
  readonly name: string
  readonly wanted = new Map<string, WantedInstance>()
  /** How often it was told to measure; undefined before it was told anything. */
  metrics_interval_s: number | undefined
  /** Called with each wanted frame, once it has obeyed it. */
  onWanted: (() => void) | null = null
  /** Volumes that it has content of. */
  readonly volumes = new Set<string>()
  /** Why each start fails, while set. */
  failure: string | null = null
  /** Whether it is so for this one alone; without it, for all. */
  fails: ((wanted: WantedInstance) => boolean) | null = null
  /** Whether another host may do better, as it says when it fails. */
  refuses = false
  /** What it answers to a call; null: nothing, or later (answer). Without it, nothing. */
  onCall: ((params: AgentCall, call: string) => { result?: unknown; error?: string } | null) | null = null
  /** Calls of newer versions that it says it knows. */
  knows_calls: readonly string[] = newerCalls
  /** What it says on dialling that it holds. */
  holds: { id: string; generation: number; details_version: number; power: 'running' | 'stopped' }[] = []
  /** What it says on dialling that it has heard of (`as_of`). */
  heard_as_of = 0
  /** What it says on dialling: after a boot it starts nothing unasked of what others have the disks of. */
  asks_first = false
  /** While true, nothing is reported. */
  silent = false
  /** How far it goes by itself with a move that it is to send: all the way, or only so far that it sends. */
  sends: 'through' | 'on-and-on' = 'through'
  /** Why it cannot make ready for what is to come to it, while set. */
  unready: string | null = null
  /** Why the controller has ended the link that it has; null: it has not. */
  ended: string | null = null
  /** Called when the controller has ended the link that it has. */
  onClosed: (() => void) | null = null
  /** The controller that it dials next. */
  test: TestCloud
  readonly facts: HostFacts
  private session: AgentSession | undefined
  private report = 0
  private timer: Timer | undefined

  constructor(test: TestCloud, id: string, name: string, facts: HostFacts) {
    this.test = test
    this.id = id
    this.name = name
    this.facts = facts
  }

  /** Dials in; resolves when the first wanted set has come. */
  async connect(): Promise<void> {
    const first = Promise.withResolvers<void>()
    first.promise.catch(() => undefined)
    const at = this.test
    const session = at.cloud.agents.accept(this.id, {
      send: frame => {
        this.hear(parseControllerFrame(JSON.stringify(frame)))
        if (frame.type === 'wanted') first.resolve()
      },
      close: reason => {
        first.reject(new Error(reason))
        // Where the database is away its end is not written, as at the server of links.
        at.cloud.agents.closed(session).catch(() => undefined)
        // As an agent, it cares for the link that it has; an older one may be ended long after.
        if (this.session !== session) return
        this.ended = reason
        this.onClosed?.()
      },
    })
    this.session = session
    this.ended = null
    const { facts, holds, heard_as_of, knows_calls, asks_first } = this
    const hello = { type: 'hello', protocol: 1, facts, holds, heard_as_of, knows_calls, asks_first }
    void session.receive(JSON.stringify(hello))
    await first.promise
    this.beat()
  }

  private beat(): void {
    this.timer?.cancel()
    this.timer = this.test.cloud.clock.after(leaseTimes.heartbeat_ms, () => {
      void this.session?.receive(JSON.stringify({ type: 'ping', sent_ms: 0 }))
      if (this.session) this.beat()
    })
  }

  async disconnect(): Promise<void> {
    if (this.session) await this.test.cloud.agents.closed(this.session)
    this.session = undefined
  }

  /** Sends what it has on all that it was told, or on those named. */
  tell(changes: Partial<InstanceReport> = {}, ids: readonly string[] = [...this.wanted.keys()]): void {
    const instances = ids.flatMap(id => {
      const wanted = this.wanted.get(id)
      return wanted ? [{ ...this.reportOf(wanted), ...changes }] : []
    })
    this.report += 1
    void this.session?.receive(JSON.stringify({ type: 'report', report: this.report, whole: false, instances }))
  }

  /** Says this of one; resolves when the controller has taken it. */
  async tellAndWait(changes: Partial<InstanceReport>, id: string): Promise<void> {
    const wanted = this.wanted.get(id)
    if (!wanted) throw new Error(`${this.name} was told nothing of ${id}`)
    this.report += 1
    const instances = [{ ...this.reportOf(wanted), ...changes }]
    await this.session?.receive(JSON.stringify({ type: 'report', report: this.report, whole: false, instances }))
  }

  /** What it does of a move, and says of it; null when none is wanted. */
  private moved({ id, disks, migration }: WantedInstance): Partial<InstanceReport> | null {
    if (!migration) return null
    const word = { id: migration.id, reason: null }
    switch (migration.step) {
      case 'prepare':
        return {
          power: 'stopped',
          applied_generation: -1,
          migration: this.unready
            ? { ...word, phase: 'failed', reason: this.unready }
            : { ...word, phase: 'ready', address: `${this.facts.tunnel_address}:7072` },
        }
      case 'send':
        this.sent.add(id)
        return { migration: { ...word, phase: 'sending', progress: progressOf(0.5) } }
      case 'cancel':
        return { migration: { ...word, phase: 'cancelled' } }
      case 'leave':
      case 'discard':
        for (const disk of disks) this.volumes.delete(disk.volume_id)
        return { power: 'absent' }
      default:
        return migration.step satisfies never
    }
  }

  /** Instances that it was told to send. */
  readonly sent = new Set<string>()

  /** Says how far it is with moving an instance. */
  tellMigration(id: string, word: Partial<MigrationReport> & Pick<MigrationReport, 'phase'>): void {
    const migration = this.wanted.get(id)?.migration
    if (!migration) throw new Error(`${this.name} was told of no migration of ${id}`)
    this.tell({ migration: { id: migration.id, reason: null, ...word } }, [id])
  }

  private reportOf(wanted: WantedInstance): InstanceReport {
    return { ...this.runs(wanted), ...this.moved(wanted) }
  }

  private runs(wanted: WantedInstance): InstanceReport {
    const power = { running: 'running', stopped: 'stopped', deleted: 'stopped', purged: 'absent' } as const
    const failed = this.failure !== null && wanted.power === 'running' && (this.fails?.(wanted) ?? true)
    const kept = wanted.power === 'purged' ? this.purge(wanted) : []
    if (wanted.power === 'running' && !failed) for (const disk of wanted.disks) this.volumes.add(disk.volume_id)
    return {
      id: wanted.id,
      applied_generation: wanted.generation,
      power: failed ? 'stopped' : power[wanted.power],
      failure: failed ? this.failure : null,
      ...(failed && this.refuses && { refused: true }),
      progress: null,
      started_at: null,
      guest_addresses: [],
      stopped_by_guest: false,
      ...(wanted.availability === 'high' && { guarded_version: wanted.details_version }),
      ...(kept.length > 0 && { kept_volumes: kept }),
    }
  }

  /** Tells of guests that are not Croft's; resolves when the controller has taken it. */
  async tellForeign(domains: { uuid: string; name: string; state: string }[]): Promise<void> {
    await this.session?.receive(JSON.stringify({ type: 'foreign', domains }))
  }

  /** Sends what it measured; resolves when the controller has taken it. */
  async measure(samples: Omit<SamplesFrame, 'type'>): Promise<void> {
    await this.session?.receive(JSON.stringify({ type: 'samples', ...samples }))
  }

  answer(call: string, answer: { result?: unknown; error?: string }): void {
    void this.session?.receive(JSON.stringify({ type: 'answer', call, ...answer }))
  }

  /** Gives the volumes that stay. */
  private purge({ disks }: WantedInstance): string[] {
    for (const disk of disks) if (!disk.keep) this.volumes.delete(disk.volume_id)
    return disks.flatMap(({ volume_id, keep }) => (keep && this.volumes.has(volume_id) ? volume_id : []))
  }

  private removeVolumes(ids: readonly string[]): void {
    if (ids.length === 0) return
    for (const id of ids) this.volumes.delete(id)
    void this.session?.receive(JSON.stringify({ type: 'volumes_gone', ids }))
  }

  private hear(frame: ControllerFrame): void {
    if (frame.type === 'welcome') this.report = Math.max(this.report, frame.last_report)
    if (frame.type === 'call') {
      const said = this.onCall?.(frame.params, frame.call)
      if (said) this.answer(frame.call, said)
    }
    if (frame.type !== 'wanted') return
    if (frame.host) this.metrics_interval_s = frame.host.metrics_interval_s
    for (const one of frame.instances) this.wanted.set(one.id, one)
    for (const id of frame.forget_instances) this.wanted.delete(id)
    if (!this.silent) this.removeVolumes(frame.remove_volumes ?? [])
    if (!this.silent && frame.instances.length > 0)
      this.tell(
        {},
        frame.instances.map(one => one.id),
      )
    for (const { id, migration } of frame.instances) {
      if (migration?.step !== 'send' || this.silent || this.sends !== 'through') continue
      this.tellMigration(id, { phase: 'switched', progress: progressOf(1) })
    }
    this.onWanted?.()
  }
}

/** Of a gigabyte, this share has gone over. */
export function progressOf(share: number): MigrationProgress {
  const memory_total_bytes = 1024 ** 3
  return {
    memory_total_bytes,
    memory_left_bytes: Math.round(memory_total_bytes * (1 - share)),
    disk_total_bytes: 0,
    disk_left_bytes: 0,
    rate_bytes_s: 100 * 1024 ** 2,
    elapsed_ms: Math.round(share * 10_000),
    downtime_ms: share === 1 ? 42 : null,
    postcopy: false,
  }
}

/** A host in the default cluster, connected. */
export async function addHost(
  test: TestCloud,
  name: string,
  size?: HostSize,
  more: Partial<HostFacts> = {},
): Promise<ObedientHost> {
  const { db } = test.cloud.database
  const cluster = await db.selectFrom('cluster').select('id').executeTakeFirstOrThrow()
  const id = makeId<never>(test.cloud) as string
  await db
    .insertInto('host')
    .values({ id, name, cluster_id: cluster.id, machine_id: `machine-${name}`, certificate_sha256: Buffer.from(name) })
    .execute()
  const { pool_id } = more
  const facts = { ...factsOf(name, size), ...(pool_id !== undefined && poolOf(pool_id)), ...more }
  const host = new ObedientHost(test, id, name, facts)
  await host.connect()
  return host
}

/** A ready image, without content: enough for hosts that obey. */
export async function addImage(test: TestCloud, name = 'tiny', virtual_size_bytes = 64 * 1024 ** 2): Promise<string> {
  const id = makeId<never>(test.cloud) as string
  await test.cloud.database.db
    .insertInto('image')
    .values({
      id,
      project_id: test.project_id,
      name,
      status: 'ready',
      format: 'qcow2',
      size_bytes: 1024,
      sha256: 'ab'.repeat(32),
      virtual_size_bytes,
    } as never)
    .execute()
  return id
}

/** An overlay network with one subnet, put straight into the database: networks have tests of their own. */
export async function addNetwork(test: TestCloud): Promise<string> {
  const { db } = test.cloud.database
  const id = makeId<never>(test.cloud) as string
  const { project_id } = test
  await db.insertInto('network').values({ id, project_id, name: 'net', kind: 'overlay', mtu: 1442 }).execute()
  const subnet_id = makeId<never>(test.cloud) as string
  const subnet = { id: subnet_id, network_id: id, project_id, name: 'sub', cidr: '10.0.0.0/16' }
  const pool = { gateway: '10.0.0.1', pool_start: '10.0.0.2', pool_end: '10.0.255.254', next_address: '10.0.0.2' }
  await db
    .insertInto('subnet')
    .values({ ...subnet, ...pool })
    .execute()
  return id
}

/** Room for thousands of instances. */
export async function liftQuotas(test: TestCloud): Promise<void> {
  await test.cloud.database.db.updateTable('quota').set({ limit_value: null }).execute()
}
