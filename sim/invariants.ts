/**
 * What must hold once faults have stopped and time has passed, whatever happened before: each is a sentence when it does
 * not. Counted from the records and from the hosts themselves, never from the code under test.
 */
import type { PGlite } from '@electric-sql/pglite'
import type { SimulatedHost } from './host.ts'

interface InstanceFact {
  id: string
  name: string
  host_id: string
  wanted: 'running' | 'stopped' | 'deleted' | 'purged'
  power: string | null
  failure: string | null
  applied: boolean
}

export async function violations(pglite: PGlite, hosts: readonly SimulatedHost[]): Promise<string[]> {
  const instances = await instancesOf(pglite)
  const lost = new Set(hosts.filter(host => host.lost).map(host => host.id))
  const living = hosts.filter(host => !host.lost)
  // What was placed on a host that never comes back waits for it; that it does is shown, as `unknown` and `waiting`.
  // So does a guest that was being handed to one: paused, until an operator says that the host is gone.
  const paused = new Set(
    (await migrationsOf(pglite)).filter(move => waitsForLost(move, hosts)).map(move => move.instance_id),
  )
  const reached = instances.filter(one => !lost.has(one.host_id) && !paused.has(one.id))
  return [
    ...reached.flatMap(settled),
    ...onHosts(reached, living),
    ...(await notRestarted(pglite, lost, paused)),
    ...(await leftovers(pglite, hosts, instances)),
    ...(await lostVolumes(pglite, living)),
    ...(await sums(pglite)),
    ...(await keptStates(pglite)),
    ...(await openOperations(pglite, hosts)),
    ...(await openMigrations(pglite, hosts)),
    ...(await sessions(pglite, hosts)),
  ]
}

async function instancesOf(pglite: PGlite): Promise<InstanceFact[]> {
  const { rows } = await pglite.query<InstanceFact>(`
    select i.id, i.name, i.host_id, case when i.purging then 'purged' when i.deleted_at is not null then 'deleted'
        else i.wanted_power end as wanted, o.power, o.failure, coalesce(o.applied_generation >= i.generation, false) as applied
    from instance i left join instance_observed o on o.instance_id = i.id order by i.id`)
  return rows
}

/** Nothing is in a transitional state. */
function settled(one: InstanceFact): string[] {
  if (!one.applied) return [`${one.name} never became what is wanted (${one.wanted}); observed: ${one.power}`]
  if (one.failure !== null) return []
  const fits: Record<InstanceFact['wanted'], string[]> = {
    running: ['running', 'crashed'],
    stopped: ['stopped', 'absent', 'crashed'],
    deleted: ['stopped', 'absent'],
    purged: [],
  }
  return fits[one.wanted].includes(one.power ?? '')
    ? []
    : [`${one.name} is wanted ${one.wanted} and observed ${one.power}`]
}

/** Lists find each instance by the state that it is shown in. */
async function keptStates(pglite: PGlite): Promise<string[]> {
  const { rows } = await pglite.query<{ name: string; kept: string | null; shown: string }>(`
    select * from (select i.name, s.state as kept, instance_state_of(i.wanted_power, i.generation, i.deleted_at is not null,
        i.held_generation is not null, o.power, instance_applied(o.applied_generation, o.power, i.generation, i.grows_from), o.failure,
        h.session_controller_id is not null, exists (select from migration m where m.instance_id = i.id and m.phase in ('preparing', 'sending'))) as shown
      from instance i join host h on h.id = i.host_id left join instance_observed o on o.instance_id = i.id
      left join instance_state s on s.instance_id = i.id) as both_states where kept is distinct from shown`)
  return rows.map(({ name, kept, shown }) => `${name} is found as ${kept} and shown as ${shown}`)
}

/** Each runs where its claim is, and only there. */
function onHosts(instances: readonly InstanceFact[], hosts: readonly SimulatedHost[]): string[] {
  const wrong: string[] = []
  for (const one of instances) {
    const having = hosts.filter(host => host.domains.has(one.id))
    if (having.length > 1) wrong.push(`${one.name} is on ${having.map(host => host.name).join(' and ')}`)
    const domain = hosts.find(host => host.id === one.host_id)?.domains.get(one.id)
    const runs = domain?.power === 'running'
    if (runs !== (one.power === 'running'))
      wrong.push(`${one.name} is observed ${one.power}, its domain is ${domain?.power ?? 'not there'}`)
    if (one.wanted === 'running' && !runs && one.failure === null && one.power !== 'crashed') {
      wrong.push(`${one.name} is wanted running and does not run`)
    }
  }
  return wrong
}

/** What is highly available, and was put under guard, waits on no host that never comes back; unless no other has room. */
async function notRestarted(pglite: PGlite, lost: ReadonlySet<string>, paused: ReadonlySet<string>): Promise<string[]> {
  const { rows } = await pglite.query<{ id: string; name: string; host_id: string; why: string }>(`
    select i.id, i.name, i.host_id, coalesce('fenced by ' || a.fenced_by, 'never fenced') as why from instance i
    left join host_absence a on a.host_id = i.host_id join instance_observed o on o.instance_id = i.id
    where i.availability = 'high' and i.wanted_power = 'running' and i.deleted_at is null and i.held_generation is null
      and o.guarded_version >= i.guard_from
      and not exists (select from ha_restart r where r.instance_id = i.id and r.outcome = 'no_room')`)
  const left = rows.filter(row => lost.has(row.host_id) && !paused.has(row.id))
  return left.map(row => `${row.name} is highly available and still on a host that is lost (${row.why})`)
}

/** Deleted means gone everywhere. */
async function leftovers(
  pglite: PGlite,
  hosts: readonly SimulatedHost[],
  instances: readonly InstanceFact[],
): Promise<string[]> {
  const known = new Set(instances.map(one => one.id))
  const { rows } = await pglite.query<{ id: string; host_id: string }>('select id, host_id from volume')
  const wrong: string[] = []
  for (const host of hosts.filter(one => !one.lost)) {
    for (const id of host.domains.keys())
      if (!known.has(id)) wrong.push(`${host.name} has a domain ${id} that is of no instance`)
    for (const id of host.guestData)
      if (!known.has(id)) wrong.push(`${host.name} has a config drive ${id} that is of no instance`)
    // A CD-ROM is known by its instance. Of a pool it does not matter whose host is lost.
    const sharing = new Set(hosts.filter(one => one.volumes === host.volumes).map(one => one.id))
    const volumes = new Set([...rows, ...instances].filter(row => sharing.has(row.host_id)).map(row => row.id))
    for (const id of host.volumes.keys())
      if (!volumes.has(id)) wrong.push(`${host.name} has a disk ${id} that is of no volume`)
  }
  return wrong
}

/** What was made and is not deleted is there; what was deleted does not wait for ever. */
async function lostVolumes(pglite: PGlite, hosts: readonly SimulatedHost[]): Promise<string[]> {
  const { rows } = await pglite.query<{ id: string; name: string; host_id: string; made: boolean; deleted: boolean }>(
    'select id, name, host_id, made, deleted_at is not null as deleted from volume where host_id is not null',
  )
  const wrong = hosts.flatMap(host => [
    ...[...host.missing].map(id => `${host.name} has lost the content of volume ${id}`),
    ...[...host.stale].map(id => `${id} went on on ${host.name} with old memory, after it had run elsewhere`),
  ])
  for (const row of rows) {
    const host = hosts.find(one => one.id === row.host_id)
    if (!host) continue
    if (row.deleted) wrong.push(`the volume ${row.name} is deleted and its record never went`)
    else if (row.made && !host.volumes.has(row.id)) wrong.push(`the volume ${row.name} is not on ${host.name} any more`)
  }
  return wrong
}

/** Claims, quotas and addresses equal what exists. */
async function sums(pglite: PGlite): Promise<string[]> {
  const { rows } = await pglite.query<{ wrong: string }>(`
    with moving as (
      select case when phase = 'leaving' then source_host_id else target_host_id end as host_id, vcpus, memory_mib, disk_gib
      from migration where phase <> 'ended'
    ), compute as (
      select host_id, sum(vcpus) as vcpus, sum(memory_mib) as memory from (
        select host_id, vcpus, memory_mib from instance where compute_claimed
        union all select host_id, vcpus, memory_mib from moving) c group by host_id
    ), disks as (
      select host_id, sum(size_gib) as disk from (
        select host_id, size_gib from volume union all select host_id, disk_gib from moving) d group by host_id
    ), stored as (
      select project_id, sum(size_gib) as storage_gib from volume group by project_id
    ), used as (
      select project_id, count(*) filter (where deleted_at is null) as instances,
        coalesce(sum(vcpus) filter (where deleted_at is null), 0) as vcpus,
        coalesce(sum(memory_mib) filter (where deleted_at is null), 0) as memory_mib
      from instance group by project_id
    ), wide as (
      select q.scope_id, q.resource, q.used, coalesce(case q.resource when 'instances' then u.instances when 'vcpus' then u.vcpus
        when 'memory_mib' then u.memory_mib else s.storage_gib end, 0) as real
      from quota q left join used u on u.project_id = q.scope_id left join stored s on s.project_id = q.scope_id
      where q.scope = 'project' and q.resource in ('instances', 'vcpus', 'memory_mib', 'storage_gib')
    )
    select 'host ' || h.name || ' claims ' || k.vcpus || '/' || k.memory_mib || '/' || k.disk_gib
      || ', its instances need ' || coalesce(c.vcpus, 0) || '/' || coalesce(c.memory, 0) || '/' || coalesce(d.disk, 0) as wrong
    from host h join host_claim k on k.host_id = h.id left join compute c on c.host_id = h.id left join disks d on d.host_id = h.id
    where (k.vcpus, k.memory_mib, k.disk_gib) is distinct from (coalesce(c.vcpus, 0)::int, coalesce(c.memory, 0)::bigint,
      case when h.pool_id is null then coalesce(d.disk, 0)::bigint else 0 end)
    union all
    select 'pool ' || p.id || ' claims ' || p.claimed_gib || ' GiB, its volumes have ' || coalesce(sum(d.disk), 0)
    from pool p left join host h on h.pool_id = p.id left join disks d on d.host_id = h.id
    group by p.id having p.claimed_gib <> coalesce(sum(d.disk), 0)
    union all
    select 'quota ' || resource || ' says ' || used || ' used, in truth ' || real from wide where used <> real
    union all
    select 'port ' || p.id || ' belongs to no instance' from port p where p.kind = 'instance' and p.instance_id is null
    union all
    select 'instance ' || i.name || ' has ' || count(a.address) || ' addresses' from instance i
      left join port p on p.instance_id = i.id left join port_address a on a.port_id = p.id
      group by i.id having count(a.address) <> 1`)
  return rows.map(row => row.wrong)
}

interface OpenMigration {
  id: string
  operation_id: string | null
  phase: 'preparing' | 'sending' | 'discarding' | 'leaving'
  name: string
  instance_id: string
  source_host_id: string
  target_host_id: string
}

async function migrationsOf(pglite: PGlite): Promise<OpenMigration[]> {
  const { rows } = await pglite.query<OpenMigration>(
    `select id, operation_id, phase, instance_name as name, instance_id, source_host_id, target_host_id
     from migration where phase <> 'ended'`,
  )
  return rows
}

/**
 * Whether only a host that never comes back can bring it on (docs/design/0009-moving.md, who died when): the source, that may have led the
 * guest over; the target, once the guest was handed to it; whichever is to be cleared. A target that makes ready is given up.
 */
function waitsForLost(one: OpenMigration, hosts: readonly SimulatedHost[]): boolean {
  const source = hosts.find(host => host.id === one.source_host_id)
  const target = hosts.find(host => host.id === one.target_host_id)
  if (one.phase === 'sending')
    return source?.lost === true || (target?.lost === true && source?.handed_over.has(one.instance_id) === true)
  return one.phase === 'leaving' ? source?.lost === true : one.phase === 'discarding' && target?.lost === true
}

async function openOperations(pglite: PGlite, hosts: readonly SimulatedHost[]): Promise<string[]> {
  const lost = hosts.filter(host => host.lost).map(host => host.id)
  const { rows } = await pglite.query<{ kind: string; id: string }>(
    `select kind, id from operation o where ended_at is null and not exists (
       select from operation_target t join instance i on i.id = t.resource_id
       where t.operation_id = o.id and t.outcome is null and i.host_id = any($1::uuid[]))
       and not exists (select from volume v where v.id = o.resource_id and v.host_id = any($1::uuid[]))`,
    [lost],
  )
  // Where the instance stays is decided, and the operation over, before what is left of it is cleared.
  const undecided = (await migrationsOf(pglite)).filter(one => one.phase === 'sending' && waitsForLost(one, hosts))
  const waiting = new Set(undecided.map(one => one.operation_id))
  return rows.filter(row => !waiting.has(row.id)).map(row => `the operation ${row.kind} ${row.id} never ended`)
}

/** Each has come to an end, and left nothing; but those that wait for a host that never comes back. */
async function openMigrations(pglite: PGlite, hosts: readonly SimulatedHost[]): Promise<string[]> {
  const open = (await migrationsOf(pglite)).filter(one => !waitsForLost(one, hosts))
  return open.map(one => `the migration ${one.id} of ${one.name} is still ${one.phase}`)
}

async function sessions(pglite: PGlite, hosts: readonly SimulatedHost[]): Promise<string[]> {
  const { rows } = await pglite.query<{ id: string }>('select id from host where session_controller_id is not null')
  const linked = new Set(rows.map(row => row.id))
  return hosts.flatMap(host => {
    if (host.lost) return linked.has(host.id) ? [`${host.name} is lost and still taken for linked`] : []
    return linked.has(host.id) ? [] : [`${host.name} never linked up again`]
  })
}
