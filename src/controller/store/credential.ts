/** From a credential's hash, or a user, to who it is and what they may, in one query each way. */
import { type RawBuilder, sql } from 'kysely'
import { instancePermissions, type Permission, permissions } from '../../model/permissions.ts'
import type { Db } from './database.ts'

interface Found {
  expires_at: Date | null
  user_id: string
  user_name: string
  user_domain_id: string
  project_id: string | null
  project_domain_id: string | null
  grants: {
    scope: 'system' | 'domain' | 'project' | 'instance'
    domain_id: string | null
    project_id: string | null
    /** Of the project worked in; grants on others' are not read. */
    instance_id?: string | null
    permissions: string[]
  }[]
  /** Each domain that a grant holds in: the domain itself (ancestor_id equal) and all below it. */
  above: { domain_id: string; ancestor_id: string }[]
}

/** Who holds a credential, and what they may. */
export interface Holder {
  readonly user_id: string
  readonly user_name: string
  readonly user_domain_id: string
  /** The project worked in, or null for a token without one. */
  readonly project_id: string | null
  readonly project_domain_id: string | null
  /** Permissions by where they are held. A grant on the system holds everywhere, one on a domain in all below it. */
  readonly on_system: ReadonlySet<Permission>
  readonly on_domains: ReadonlyMap<string, ReadonlySet<Permission>>
  readonly on_project: ReadonlySet<Permission>
  /** Of instances of the project worked in that were given to the user singly. */
  readonly on_instances: ReadonlyMap<string, ReadonlySet<Permission>>
}

/** With when it expires; null for never. */
export type Credential = Holder & { readonly expires_at: Date | null }

const known: ReadonlySet<string> = new Set(permissions)

/** Null when no enabled user and project hold a credential with this hash that is still good. */
function find(db: Db, secret_sha256: Uint8Array): Promise<Credential | null> {
  const hash = Buffer.from(secret_sha256)
  return read(
    db,
    sql`
      select user_id, project_id, expires_at from token where secret_sha256 = ${hash} and expires_at > croft_now()
      union all
      select user_id, project_id, expires_at from api_key
      where secret_sha256 = ${hash} and (expires_at is null or expires_at > croft_now())`,
  )
}

/** The user as they would be in this project; null when either is disabled or gone. */
function ofUser(db: Db, user_id: string, project_id: string | null): Promise<Holder | null> {
  return read(
    db,
    sql`select ${user_id}::uuid as user_id, ${project_id}::uuid as project_id, null::timestamptz as expires_at`,
  )
}

/** As ofUser, of many at once; those that are disabled or gone are left out. */
async function ofUsers(
  db: Db,
  asked: readonly { user_id: string; project_id: string }[],
): Promise<(user_id: string, project_id: string) => Holder | null> {
  const key = (user_id: string, project_id: string | null) => `${user_id} ${project_id}`
  const pairs = [...new Map(asked.map(one => [key(one.user_id, one.project_id), one])).values()].map(
    ({ user_id, project_id }) => ({ user_id, project_id }),
  )
  const found =
    pairs.length === 0
      ? []
      : await readAll(
          db,
          sql`select user_id, project_id, null::timestamptz as expires_at
      from jsonb_to_recordset(${JSON.stringify(pairs)}::jsonb) as r (user_id uuid, project_id uuid)`,
        )
  const holders = new Map(found.map(one => [key(one.user_id, one.project_id), one]))
  return (user_id, project_id) => holders.get(key(user_id, project_id)) ?? null
}

/** Whether a token or a key with this hash is there and has not run out. */
export function isGoodCredential(hash: RawBuilder<unknown>): RawBuilder<boolean> {
  return sql<boolean>`(exists (select from token t where t.secret_sha256 = ${hash} and t.expires_at > croft_now()) or exists (
    select from api_key a where a.secret_sha256 = ${hash} and (a.expires_at is null or a.expires_at > croft_now())))`
}

async function isGood(db: Db, secret_sha256: Uint8Array): Promise<boolean> {
  const { rows } = await sql<{
    good: boolean
  }>`select ${isGoodCredential(sql`${Buffer.from(secret_sha256)}::bytea`)} as good`.execute(db)
  return rows[0]?.good ?? false
}

async function read(db: Db, held: RawBuilder<unknown>): Promise<Credential | null> {
  return (await readAll(db, held))[0] ?? null
}

async function readAll(db: Db, held: RawBuilder<unknown>): Promise<Credential[]> {
  const { rows } = await sql<Found>`
    with recursive held as (${held}), below as (
      select d.id as domain_id, d.id as ancestor_id
      from domain d where d.enabled and d.id in (
        select g.domain_id from role_grant g join held on held.user_id = g.user_id where g.scope = 'domain'
      )
      union all
      select d.id, below.ancestor_id from below join domain d on d.parent_id = below.domain_id and d.enabled
    )
    select held.expires_at, u.id as user_id, u.name as user_name, u.domain_id as user_domain_id,
      p.id as project_id, p.domain_id as project_domain_id,
      coalesce((
        select json_agg(json_build_object('scope', g.scope, 'domain_id', g.domain_id, 'project_id', g.project_id,
          'instance_id', g.instance_id, 'permissions', r.permissions))
        from role_grant g join role r on r.id = g.role_id where g.user_id = u.id and (g.scope <> 'instance'
          or exists (select from instance i where i.id = g.instance_id and i.project_id = held.project_id))
      ), '[]') as grants,
      coalesce((select json_agg(below) from below), '[]') as above
    from held
    join "user" u on u.id = held.user_id and u.enabled
    join domain d on d.id = u.domain_id and d.enabled
    left join project p on p.id = held.project_id and p.enabled
      and exists (select from domain pd where pd.id = p.domain_id and pd.enabled)
    where held.project_id is null or p.id is not null`.execute(db)
  return rows.map(row => {
    const { user_id, user_name, user_domain_id, project_id, project_domain_id, expires_at } = row
    return { user_id, user_name, user_domain_id, project_id, project_domain_id, expires_at, ...heldBy(row) }
  })
}

/** Sums up grants by where they hold. */
export function heldBy(found: Pick<Found, 'grants' | 'above' | 'project_id' | 'project_domain_id'>) {
  const on_system = new Set<Permission>()
  const on_domains = new Map<string, Set<Permission>>()
  const direct = new Set<Permission>()
  const on_instances = new Map<string, Set<Permission>>()
  for (const grant of found.grants) {
    const held = grant.permissions.filter((permission): permission is Permission => known.has(permission))
    if (grant.scope === 'system') for (const permission of held) on_system.add(permission)
    if (grant.scope === 'project' && grant.project_id === found.project_id) {
      for (const permission of held) direct.add(permission)
    }
    if (grant.scope === 'instance' && grant.instance_id) {
      const given = instancePermissions.filter(permission => held.includes(permission))
      if (given.length === 0) continue
      on_instances.set(grant.instance_id, new Set([...(on_instances.get(grant.instance_id) ?? []), ...given]))
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
  return { on_system, on_domains, on_project, on_instances }
}

/** A key's last use, written at most once a minute so that reads stay reads. */
async function touch(db: Db, secret_sha256: Uint8Array): Promise<void> {
  await sql`update api_key set last_used_at = croft_now() where secret_sha256 = ${Buffer.from(secret_sha256)}
    and (last_used_at is null or last_used_at < croft_now() - interval '1 minute')`.execute(db)
}

export const credential = { find, ofUser, ofUsers, isGood, touch }
