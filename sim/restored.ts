/**
 * A run in which the database is lost and an older copy of it put in its place, while hosts go on: nothing that hosts have may be
 * lost by it, nothing may be said to have succeeded that did not happen, and once an operator has settled it nothing is stuck.
 */
import { violations } from './invariants.ts'
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
  override async run(): Promise<RunResult> {
    const third_ms = (this.options.trouble_s * 1000) / 3
    await this.begin(recovery_minutes)
    await this.advance(third_ms)
    await this.copy()
    await this.advance(third_ms)
    await this.restore()
    const disks = this.hosts.map(host => new Map(host.volumes))
    await this.advance(third_ms)
    this.heal(0)
    await this.advance(unsettled_s * 1000)
    const found = [...this.lost(disks, new Set()), ...(await this.lies())]
    const given_up = await this.settle()
    await this.advance(settle_s * 1000)
    found.push(...this.lost(disks, given_up), ...(await violations(this.engine.pglite, this.hosts)))
    found.push(...(await this.unsettled()), ...this.idle())
    await this.stop()
    return { seed: this.options.seed, violations: found, counts: this.counts, trace: this.trace }
  }

  /** Moves take disks from their hosts, too. What they and an older database do to each other is not played yet (docs/STATUS.md). */
  protected override operatorAsks(): void {}

  /** Nothing that takes a disk away. */
  protected override userAsks(): void {
    const { random } = this
    if (this.ids.length === 0 || random.chance(0.3)) return void this.create()
    const id = random.pick(this.ids)
    const [method, path, body] = random.pick([
      ['POST', `/v1/instances/${id}/start`, {}],
      ['POST', `/v1/instances/${id}/stop`, {}],
      ['POST', `/v1/instances/${id}/reboot`, { hard: random.chance(0.5) }],
      ['DELETE', `/v1/instances/${id}`, undefined],
      ['POST', `/v1/instances/${id}/recover`, {}],
      ['PATCH', `/v1/instances/${id}`, { tags: { asked: String(this.requests) } }],
    ] as const)
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

  /** Disks that were on hosts when the database was restored, and are not any more. */
  private lost(disks: readonly ReadonlyMap<string, string>[], given_up: ReadonlySet<string>): string[] {
    return this.hosts.flatMap((host, n) =>
      [...(disks[n] ?? [])].flatMap(([id, owner]) =>
        host.volumes.has(id) || given_up.has(owner) ? [] : [`${host.name} has lost the disk ${id} of ${owner}`],
      ),
    )
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

  /** An operator's acts, on each host one way or the other. Returns the instances that were given up by name. */
  private async settle(): Promise<Set<string>> {
    const given_up = new Set<string>()
    const work = (async () => {
      for (const host of this.hosts) {
        const path = `/v1/hosts/${host.id}`
        const take = this.random.pick(['host', 'database'] as const)
        const first = await this.ask('POST', `${path}/reconcile`, { take })
        this.note(`${host.name}: ${((first?.body.settled ?? []) as unknown[]).length} settled by the ${take}`)
        // What the database would delete and the host keeps is kept.
        if (((first?.body.left ?? []) as unknown[]).length > 0)
          await this.ask('POST', `${path}/reconcile`, { take: 'host' })
        for (const { instance_id, name, kind } of await this.disagreementsOf(host.id)) {
          this.note(`${kind} to settle`)
          if (kind !== 'orphaned') continue
          const adopted = this.random.chance(0.7) ? await this.ask('POST', `${path}/adopt`, { instance_id }) : null
          if (adopted?.status === 200) continue
          given_up.add(instance_id)
          await this.ask('POST', `${path}/purge-orphan`, { instance_id, name })
        }
      }
    })()
    await this.advance(operator_s * 1000)
    await work
    return given_up
  }

  private async unsettled(): Promise<string[]> {
    const { rows } = await this.engine.pglite.query<{ instance_id: string; kind: string }>(
      'select instance_id, kind from held_instance',
    )
    return rows.map(row => `${row.instance_id} is ${row.kind} still`)
  }
}
