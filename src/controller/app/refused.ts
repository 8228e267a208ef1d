/**
 * Instances that have never run and whose host said that it cannot bring them up: each is placed on another host, in one
 * transaction, as often as is worth trying; each try is kept as a placement and told by an event. What the host that refused has
 * of it is cleared as after any move: it is told to leave it (docs/design/0009-moving.md). Who asked for that very host gets no other.
 */
import type { MigrationId } from '../../model/ids.ts'
import { CloudError } from '../../model/errors.ts'
import { type Cloud, makeId } from '../cloud.ts'
import { channels, json, type Tx } from '../store/database.ts'
import { event } from '../store/event.ts'
import { instance, type LockedInstance } from '../store/instance.ts'
import { migration } from '../store/migration.ts'
import { migrationContent } from '../store/migration-content.ts'
import { operation } from '../store/operation.ts'
import { placement } from '../store/placement.ts'
import { type Refusal, refusal } from '../store/refusal.ts'
import { wanted } from '../store/wanted.ts'
import { cpuOfCluster, isOfCluster } from './instance-cpu.ts'
import { changed as migrationChanged, newSecret } from './migration-steps.ts'
import { placeExisting } from './placement.ts'
import { keepRefusal } from './placement-told.ts'

/** Hosts that are tried: what three refuse is most likely wrong with the instance. */
const tries_max = 3

const batch = 50

/** One whose try failed for another reason than room is left alone for so long; meanwhile others have their turn. */
const rest_ms = 30_000

/** Until when each of those rests, by their ids and the steady clock. Known to one controller alone: another finds out for itself. */
export type Resting = Map<string, number>

/** One pass; true when there may be more. */
export async function placeRefused(cloud: Cloud, resting: Resting): Promise<boolean> {
  const now_ms = cloud.clock.steady_ms()
  for (const [id, until_ms] of resting) if (until_ms <= now_ms) resting.delete(id)
  const due = await refusal.due(cloud.database.db, batch, [...resting.keys()])
  for (const id of due) {
    try {
      await placeOne(cloud, id)
    } catch (error) {
      // Throws when it is the database that is away: that ends the pass.
      if (!(await refusal.of(cloud.database.db, id))) continue
      resting.set(id, cloud.clock.steady_ms() + rest_ms)
      cloud.log.warn({ err: error, instance_id: id }, 'a refused instance could not be placed; it is tried again')
    }
  }
  return due.length === batch
}

async function placeOne(cloud: Cloud, id: string): Promise<void> {
  try {
    await cloud.database.transaction(tx => tryElsewhere(cloud, tx, id))
  } catch (error) {
    if (!(error instanceof CloudError && error.code === 'no_capacity')) throw error
    await keepRefusal(cloud, error)
    const { message } = error
    await cloud.database.transaction(async tx => {
      const found = await lockRefused(tx, id)
      if (found) await giveUp(tx, found.row, `${sentence(found.said.failure)} And elsewhere: ${message}`)
    })
  }
}

async function lockRefused(tx: Tx, id: string): Promise<{ row: LockedInstance; said: Refusal } | null> {
  const row = await instance.lock(tx, id)
  const said = row && (await refusal.of(tx, id))
  return row && said ? { row, said } : null
}

async function tryElsewhere(cloud: Cloud, tx: Tx, id: string): Promise<void> {
  const found = await lockRefused(tx, id)
  if (!found) return
  const { row, said } = found
  const asked = await placement.askedOf(tx, id)
  if (asked?.host_id === row.host_id)
    return await giveUp(tx, row, `${sentence(said.failure)} No other host was tried: it was asked for on ${row.host}.`)
  const tried = await refusal.tried(tx, id)
  const exclude = new Map(tried.map(host_id => [host_id, 'has refused it before']))
  exclude.set(row.host_id, `has refused it: ${said.failure}`)
  for (const host_id of await migration.uncleared(tx, id))
    exclude.set(host_id, 'has something of it still to be cleared')
  if (tried.length + 1 >= tries_max) return await giveUp(tx, row, said.failure)
  const here = await migrationContent.content(tx, {
    instance_id: id,
    source_host_id: row.host_id,
    target_host_id: row.host_id,
  })
  // A volume that was there before is in this pool and nowhere else; what has never run has lost nothing with all others.
  const is_bound = row.boot === 'volume' || here.some(one => one.made)
  const pool_id = is_bound ? await refusal.poolShared(tx, row.host_id) : undefined
  if (pool_id === null)
    return await giveUp(tx, row, `${sentence(said.failure)} No other host was tried: none reaches its volume.`)
  const placed = await placeExisting(cloud, tx, row, {
    exclude,
    pool_id,
    disk_gib: here.reduce((sum, one) => sum + one.size_gib, 0),
    disks_pool_id: here[0]?.pool_id ?? null,
    any_cluster: true,
  })
  const told = (await wanted.instances(tx, [id], { stopTimeout: () => 1 }))[0]?.instance ?? null
  await migrationContent.rehost(tx, { instance_id: id, target_host_id: placed.host_id })
  await refusal.forget(tx, id)
  // Its guest has seen no CPU yet: it has what it would have, had it been placed there first.
  await instance.want(tx, [id], isOfCluster(row) ? cpuOfCluster(placed.cpu_baseline) : {})
  const migration_id = makeId<MigrationId>(cloud)
  await migration.insert(tx, {
    id: migration_id,
    instance_id: id,
    instance_name: row.name,
    project_id: row.project_id,
    kind: 'retry',
    cause: 'refused',
    source_host_id: row.host_id,
    target_host_id: placed.host_id,
    phase: 'leaving',
    outcome: 'succeeded',
    reason: said.failure,
    told: json(told),
    secret: newSecret(cloud),
    vcpus: row.vcpus,
    memory_mib: row.memory_mib,
    disk_gib: placed.disk_gib,
    switched_at: await migrationContent.now(tx),
  })
  const detail = { placement: 'elsewhere', tries: tried.length + 2 }
  await event.record(
    tx,
    [
      migrationChanged({ id: migration_id }, 'created', { from_host_id: row.host_id, to_host_id: placed.host_id }),
      { noun: 'instance', kind: 'changed', resource_id: id, project_id: row.project_id, detail },
    ],
    [row.host_id, placed.host_id],
  )
  await event.notify(tx, channels.network, '')
}

/** A hypervisor's own words may end without a full stop. */
const sentence = (said: string) => (/[.!?]$/.test(said) ? said : `${said}.`)

/** It stays where it is, in error, as its host has said. */
async function giveUp(tx: Tx, row: LockedInstance, reason: string): Promise<void> {
  const { id, generation, project_id } = row
  await refusal.forget(tx, id)
  await operation.endTargets(tx, [{ resource_id: id, generation, outcome: 'failed', reason: reason.slice(0, 2000) }])
  await event.record(tx, [{ noun: 'instance', kind: 'changed', resource_id: id, project_id }])
}
