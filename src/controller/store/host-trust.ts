/** What of hosts' words about themselves is believed, as the database knows them. The rules: host-belief.ts. */
import { createHash, timingSafeEqual } from 'node:crypto'
import { sql } from 'kysely'
import type { NamedAddresses } from './host-belief.ts'
import type { Db, Tx } from './database.ts'

const nowhere: NamedAddresses = { name: '', tunnel_address: null, link_address: null }

export async function addressesOf(db: Db, host_id: string): Promise<NamedAddresses> {
  const row = await db
    .selectFrom('host')
    .select(['name', 'tunnel_address', 'link_address'])
    .where('id', '=', host_id)
    .executeTakeFirst()
  return row ?? nowhere
}

/**
 * Whether a host that names a pool is one of its hosts: it is already, it names one that nobody has, or it knows the pool's secret. Who
 * names it first says what that is.
 */
export async function isOfPool(
  tx: Tx,
  host_id: string,
  { pool_id, pool_secret }: { pool_id: string; pool_secret?: string | undefined },
): Promise<boolean> {
  const told = pool_secret === undefined ? null : createHash('sha256').update(pool_secret).digest()
  // Of two that name a new one at once the second waits here for the first.
  await sql`insert into pool (id, secret_sha256) values (${pool_id}, ${told}) on conflict (id) do nothing`.execute(tx)
  const { rows } = await sql<{ secret_sha256: Buffer | null; is_mine: boolean; has_others: boolean }>`
    select p.secret_sha256, coalesce(h.pool_id = p.id, false) as is_mine,
      exists (select from host o where o.pool_id = p.id and o.id <> h.id and o.removed_at is null) as has_others
    from pool p, host h where p.id = ${pool_id} and h.id = ${host_id}`.execute(tx)
  const [row] = rows
  if (!row) return false
  const { secret_sha256, is_mine, has_others } = row
  if (secret_sha256 !== null) return is_mine || (told !== null && timingSafeEqual(secret_sha256, told))
  if (has_others && !is_mine) return false
  if (told)
    await sql`update pool set secret_sha256 = ${told} where id = ${pool_id} and secret_sha256 is null`.execute(tx)
  return true
}
