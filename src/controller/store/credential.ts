/** From a credential's hash to who holds it and what they may, in one query each way. */
import { sql } from 'kysely'
import { type Permission, permissions } from '../../model/permissions.ts'
import type { Caller } from '../app/caller.ts'
import type { Db } from './database.ts'

interface Found {
  user_id: string
  user_name: string
  user_domain_id: string
  project_id: string | null
  project_domain_id: string | null
  grants: {
    scope: 'system' | 'domain' | 'project'
    domain_id: string | null
    project_id: string | null
    permissions: string[]
  }[]
  /** Every domain, with those above it: a grant on one holds in all below. */
  above: { domain_id: string; ancestor_id: string }[]
}

const known: ReadonlySet<string> = new Set(permissions)

/** Null when no enabled user and project hold a credential with this hash that is still good. */
async function find(db: Db, secret_sha256: Uint8Array): Promise<Omit<Caller, 'request'> | null> {
  const hash = Buffer.from(secret_sha256)
  const { rows } = await sql<Found>`
    with recursive held as (
      select user_id, project_id from token where secret_sha256 = ${hash} and expires_at > croft_now()
      union all
      select user_id, project_id from api_key
      where secret_sha256 = ${hash} and (expires_at is null or expires_at > croft_now())
    ), above as (
      select id as domain_id, id as ancestor_id, parent_id from domain where enabled
      union all
      select above.domain_id, domain.id, domain.parent_id from above join domain on domain.id = above.parent_id
    )
    select u.id as user_id, u.name as user_name, u.domain_id as user_domain_id,
      p.id as project_id, p.domain_id as project_domain_id,
      coalesce((
        select json_agg(json_build_object('scope', g.scope, 'domain_id', g.domain_id, 'project_id', g.project_id,
          'permissions', r.permissions))
        from role_grant g join role r on r.id = g.role_id where g.user_id = u.id
      ), '[]') as grants,
      coalesce((
        select json_agg(json_build_object('domain_id', a.domain_id, 'ancestor_id', a.ancestor_id))
        from above a where exists (select from role_grant g where g.user_id = u.id and g.domain_id = a.ancestor_id)
      ), '[]') as above
    from held
    join "user" u on u.id = held.user_id and u.enabled
    join domain d on d.id = u.domain_id and d.enabled
    left join project p on p.id = held.project_id
    where p.id is null or (p.enabled and exists (select from domain pd where pd.id = p.domain_id and pd.enabled))`.execute(
    db,
  )
  const [row] = rows
  return row ? { ...row, ...heldBy(row) } : null
}

/** Sums up grants by where they hold. */
export function heldBy(found: Pick<Found, 'grants' | 'above' | 'project_id' | 'project_domain_id'>) {
  const on_system = new Set<Permission>()
  const on_domains = new Map<string, Set<Permission>>()
  const direct = new Set<Permission>()
  for (const grant of found.grants) {
    const held = grant.permissions.filter((permission): permission is Permission => known.has(permission))
    if (grant.scope === 'system') for (const permission of held) on_system.add(permission)
    if (grant.scope === 'project' && grant.project_id === found.project_id) {
      for (const permission of held) direct.add(permission)
    }
    if (grant.scope !== 'domain') continue
    for (const { domain_id, ancestor_id } of found.above) {
      if (ancestor_id !== grant.domain_id) continue
      const inDomain = on_domains.get(domain_id) ?? new Set()
      for (const permission of held) inDomain.add(permission)
      on_domains.set(domain_id, inDomain)
    }
  }
  const domain = found.project_domain_id === null ? undefined : on_domains.get(found.project_domain_id)
  const on_project = new Set([...direct, ...(domain ?? []), ...on_system])
  return { on_system, on_domains, on_project }
}

/** A key's last use, written at most once a minute so that reads stay reads. */
async function touch(db: Db, secret_sha256: Uint8Array): Promise<void> {
  await sql`update api_key set last_used_at = croft_now() where secret_sha256 = ${Buffer.from(secret_sha256)}
    and (last_used_at is null or last_used_at < croft_now() - interval '1 minute')`.execute(db)
}

export const credential = { find, touch }
