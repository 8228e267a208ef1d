/**
 * A run in which the database is lost and an older copy of it put in its place, while hosts go on: nothing that hosts have may be
 * lost by it, nothing may be said to have succeeded that did not happen, and once an operator has settled it nothing is stuck.
 */
import { violations } from './invariants.ts'
import type { SimulatedHost } from './host.ts'
import { Run, type RunResult } from './run.ts'

/** Nothing is purged by time within a run. */
const recovery_minutes = 10_000
const unsettled_s = 90
const settle_s = 240
/** More than an operator's requests take. */
const operator_s = 120

interface Disagreement {
  instance_id: string
  name: string
  kind: string
}

export class RestoredRun extends Run {
  /** Of which nothing is to be left anywhere, or of which somebody said so. */
  private readonly given_up = new Set<string>()
  /** Whose record an operator gave up, as nothing was left of it. */
  private readonly without_record = new Set<string>()

  override async run(): Promise<RunResult> {
    const third_ms = (this.options.trouble_s * 1000) / 3
    await this.begin(recovery_minutes)
    await this.advance(third_ms)
    await this.copy()
    await this.advance(third_ms)
    await this.restore()
    const disks = this.disks()
    await this.advance(third_ms)
    await this.countKinds()
    this.heal(0)
    await this.advance(unsettled_s * 1000)
    await this.countKinds()
    const found = [...this.lost(disks), ...(await this.lies())]
    await this.settle()
    await this.advance(settle_s * 1000)
    found.push(...this.lost(disks), ...(await this.violated()))
    found.push(...(await this.unsettled()), ...this.idle(), ...this.doubled)
    await this.countRestored()
    await this.stop()
    return { seed: this.options.seed, violations: found, counts: this.counts, trace: this.trace }
  }

  protected override userAsks(): void {
    const { random } = this
    if (this.ids.length === 0 || random.chance(0.3)) return void this.create()
    const id = random.pick(this.ids)
    const [method, path, body] = random.pick([
      ['POST', `/v1/instances/${id}/start`, {}],
      ['POST', `/v1/instances/${id}/stop`, {}],
      ['POST', `/v1/instances/${id}/reboot`, { hard: random.chance(0.5) }],
      ['DELETE', `/v1/instances/${id}`, undefined],
      ['DELETE', `/v1/instances/${id}?purge=true`, undefined],
      ['POST', `/v1/instances/${id}/recover`, {}],
      ['PATCH', `/v1/instances/${id}`, { tags: { asked: String(this.requests) } }],
    ] as const)
    if (path.endsWith('purge=true')) this.given_up.add(id)
    void this.ask(method, path, body)
  }

  /** As a backup: all rows at one moment. */
  private async copy(): Promise<void> {
    await this.quiet()
    this.note('backup')
    await this.engine.pglite.exec(`drop schema if exists backup cascade; create schema backup;
      do $$ declare t text; begin
        -- A partitioned table's rows come with it, not once more with each of its parts.
        for t in select c.relname from pg_class c
            where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition loop
          execute format('create table backup.%I as table public.%I', t, t);
        end loop; end $$`)
  }

  /** Controllers are down while it is put back, as the page on restoring says. */
  private async restore(): Promise<void> {
    this.note('the database is lost, and restored from the backup')
    for (const controller of this.controllers) controller.kill()
    await this.quiet()
    await this.engine.pglite.exec(`set session_replication_role = replica;
      do $$ declare t text; begin
        for t in select tablename from pg_tables where schemaname = 'public' loop
          execute format('truncate public.%I cascade', t);
        end loop;
        for t in select tablename from pg_tables where schemaname = 'backup' loop
          execute format('insert into public.%I overriding system value table backup.%I', t, t);
        end loop; end $$;
      set session_replication_role = origin`)
  }

  /** The disks that there are, with whose each is, wherever. */
  private disks(): Map<string, string> {
    return new Map(this.hosts.flatMap(host => [...host.volumes]))
  }

  /** Disks that there were when the database was restored, and that are nowhere any more. */
  private lost(disks: ReadonlyMap<string, string>): string[] {
    const now = this.disks()
    return [...disks].flatMap(([id, owner]) =>
      now.has(id) || this.given_up.has(owner) ? [] : [`the disk ${id} of ${owner} is lost`],
    )
  }

  /** A record that is back of what was purged for good says that its disk is lost: that is so. */
  private async violated(): Promise<string[]> {
    const { rows } = await this.engine.pglite.query<{ id: string; instance_id: string | null }>(
      'select id, instance_id from volume',
    )
    const purged = rows.flatMap(row => (row.instance_id && this.given_up.has(row.instance_id) ? row.id : []))
    const found = await violations(this.engine.pglite, this.hosts)
    return found.filter(one => {
      if (/ has lost the content | is not on h\d/.test(one)) return !purged.some(id => one.includes(id))
      // Known (docs/STATUS.md): what a move had made in a pool that hosts share, before the record went, nobody takes out of there.
      const drive = this.options.highly_available && / has a config drive (\S+) that is of no instance/.exec(one)?.[1]
      return !drive || !this.without_record.has(drive)
    })
  }

  private async countKinds(): Promise<void> {
    const { rows } = await this.engine.pglite.query<{ kind: string; n: number }>(
      'select kind, count(*)::int as n from held_instance group by kind order by kind',
    )
    for (const { kind, n } of rows) this.counts[`found ${kind}`] = (this.counts[`found ${kind}`] ?? 0) + n
  }

  private async countRestored(): Promise<void> {
    const { rows } = await this.engine.pglite.query<{ cause: string; n: number }>(
      'select cause, count(*)::int as n from migration group by cause order by cause',
    )
    for (const { cause, n } of rows) this.counts[`moves by ${cause}`] = n
  }

  /** What is said to have succeeded of instances whose hosts go by something newer. */
  private async lies(): Promise<string[]> {
    const { rows } = await this.engine.pglite.query<{ kind: string; name: string; state: string }>(
      `select o.kind, i.name, t.outcome as state from operation_target t join operation o on o.id = t.operation_id
       join instance i on i.id = t.resource_id
       where i.held_generation is not null and t.outcome = 'succeeded'
         and not exists (select from backup.operation b where b.id = o.id)`,
    )
    return rows.map(
      row => `${row.kind} of ${row.name} is said to have ${row.state}, and its host goes by something newer`,
    )
  }

  private async disagreementsOf(host_id: string): Promise<Disagreement[]> {
    const answer = await this.ask('GET', `/v1/hosts/${host_id}`)
    return (answer?.body.disagreements ?? []) as Disagreement[]
  }

  /** An operator's acts, on each host one way or the other. What hosts agree about has been settled by then. */
  private async settle(): Promise<void> {
    const work = (async () => {
      for (const host of this.hosts) {
        const path = `/v1/hosts/${host.id}`
        const take = this.random.pick(['host', 'database'] as const)
        const first = await this.ask('POST', `${path}/reconcile`, { take })
        this.note(`${host.name}: ${((first?.body.settled ?? []) as unknown[]).length} settled by the ${take}`)
        // What the database would delete and the host keeps is kept.
        if (((first?.body.left ?? []) as unknown[]).length > 0)
          await this.ask('POST', `${path}/reconcile`, { take: 'host' })
        for (const one of await this.disagreementsOf(host.id)) await this.settleOne(host, one)
      }
    })()
    await this.advance(operator_s * 1000)
    await work
  }

  private async settleOne(host: SimulatedHost, { instance_id, name, kind }: Disagreement): Promise<void> {
    const path = `/v1/hosts/${host.id}`
    this.note(`${kind} to settle`)
    if (kind === 'elsewhere' || kind === 'missing') {
      const take = kind === 'missing' ? this.isLeft(instance_id) : this.isHere(host, instance_id)
      const answer = await this.ask('POST', `${path}/reconcile`, { take, instance_ids: [instance_id] })
      this.note(`${kind} settled by the ${take}: ${JSON.stringify(answer?.body.left)}`)
      if (kind === 'missing' && take === 'host' && answer?.status === 200) this.without_record.add(instance_id)
    } else if (kind === 'orphaned') {
      const adopt = () => this.ask('POST', `${path}/adopt`, { instance_id })
      const adopted = this.random.chance(0.7) ? await adopt() : null
      if (adopted?.status === 200) return
      const purged = await this.ask('POST', `${path}/purge-orphan`, { instance_id, name })
      if ((purged?.status ?? 500) < 300) this.given_up.add(instance_id)
      // Another host holds it, too.
      else if (!adopted) await adopt()
    }
  }

  /** Its disks are looked for. */
  private isLeft(id: string): 'host' | 'database' {
    return [...this.disks().values()].includes(id) ? 'database' : 'host'
  }

  /** Both hosts are looked at. */
  private isHere(host: SimulatedHost, id: string): 'host' | 'database' {
    if (host.domains.get(id)?.power === 'running') return 'host'
    const elsewhere = this.hosts.some(one => one.domains.get(id)?.power === 'running')
    return elsewhere || this.random.chance(0.5) ? 'database' : 'host'
  }

  private async unsettled(): Promise<string[]> {
    const { rows } = await this.engine.pglite.query<{ instance_id: string; kind: string }>(
      'select instance_id, kind from held_instance',
    )
    return rows.map(row => `${row.instance_id} is ${row.kind} still`)
  }
}
