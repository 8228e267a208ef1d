/**
 * Volumes that the database has for free, and that are disks of what hosts were told later than the database knows: after it was restored
 * from an older backup. Not its job: the instances themselves (held.ts, held-place.ts).
 */
import { sql } from 'kysely'
import { CloudError } from '../../model/errors.ts'
import type { Db, Tx } from './database.ts'
import { event } from './event.ts'

/** Of a volume `v`. A host counts as far as it reaches the volume: hosts are not trusted, and this one has it in its hands anyway. */
export const isHeldDisk = sql<boolean>`exists (select from held_instance d join host b on b.id = d.host_id join host a on a.id = v.host_id
  where (a.id = b.id or a.pool_id = b.pool_id) and d.power <> 'purged'
    and d.wanted->'disks' @> jsonb_build_array(jsonb_build_object('volume_id', v.id)))`

/** Throws wrong_state: somebody else's guest may have it open. */
export async function mustBeFree(db: Db, { id, name }: { id: string; name: string }): Promise<void> {
  const { rows } = await sql`select from volume v where v.id = ${id} and ${isHeldDisk}`.execute(db)
  if (rows.length === 0) return
  throw new CloudError(
    'wrong_state',
    `A host was told to use the volume ${name} for an instance that the database does not know so: the database was restored from an older ` +
      'backup. Until an operator has settled that (croft host reconcile, croft host adopt), nothing can be done with it.',
  )
}

/** Something that this host holds was settled: who was to remove volumes of its pool may do so now. */
export async function wakeRemovers(tx: Tx, host_id: string): Promise<void> {
  const { rows } = await sql<{ id: string }>`
    select h.id from host h join host m on m.id = ${host_id} and (h.id = m.id or h.pool_id = m.pool_id)
    where exists (select from volume v where v.host_id = h.id and v.instance_id is null and v.deleted_at is not null)`.execute(
    tx,
  )
  await event.wakeHosts(
    tx,
    rows.map(row => row.id),
  )
}
