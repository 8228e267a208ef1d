/** Tokens, and what signing in needs to find. */
import { sql } from 'kysely'
import type { Session } from '../../api/session.ts'
import type { Db } from './database.ts'

export interface Account {
  id: string
  name: string
  domain_id: string
  password_hash: string | null
  default_project_id: string | null
  enabled: boolean
}

/** The account of this name in the domain of that name; `enabled` is of both. */
async function account(db: Db, domain: string, user: string): Promise<Account | null> {
  const row = await db
    .selectFrom('user as u')
    .innerJoin('domain as d', 'd.id', 'u.domain_id')
    .select(['u.id', 'u.name', 'u.domain_id', 'u.password_hash', 'u.default_project_id'])
    .select(sql<boolean>`u.enabled and d.enabled`.as('enabled'))
    .where('d.name', '=', domain)
    .where('u.name', '=', user)
    .executeTakeFirst()
  return row ?? null
}

export interface ProjectName {
  id: string
  name: string
  domain_id: string
}

/** Enabled projects of this name or id, those of the user's own domain first. */
function projectsNamed(db: Db, user_domain_id: string, name_or_id: string): Promise<ProjectName[]> {
  return db
    .selectFrom('project')
    .select(['id', 'name', 'domain_id'])
    .where('enabled', '=', true)
    .where(eb => eb.or([eb('name', '=', name_or_id), eb(sql<string>`id::text`, '=', name_or_id)]))
    .orderBy(sql`domain_id = ${user_domain_id}::uuid`, 'desc')
    .orderBy('id')
    .limit(20)
    .execute()
}

/** Where a user without a wish works: the default project, then those with a grant of their own, or on one of their instances, oldest first. */
function projectsOf(db: Db, user_id: string): Promise<ProjectName[]> {
  return db
    .selectFrom('project as p')
    .innerJoin('user as u', join => join.on('u.id', '=', user_id))
    .select(['p.id', 'p.name', 'p.domain_id'])
    .where('p.enabled', '=', true)
    .where(eb =>
      eb.or([
        eb('p.id', '=', eb.ref('u.default_project_id')),
        eb.exists(
          eb
            .selectFrom('role_grant as g')
            .select('g.id')
            .where('g.user_id', '=', user_id)
            .whereRef('g.project_id', '=', 'p.id'),
        ),
        eb.exists(
          eb
            .selectFrom('role_grant as g')
            .innerJoin('instance as i', 'i.id', 'g.instance_id')
            .select('g.id')
            .where('g.user_id', '=', user_id)
            .whereRef('i.project_id', '=', 'p.id'),
        ),
      ]),
    )
    .orderBy(sql`p.id is not distinct from u.default_project_id`, 'desc')
    .orderBy('p.id')
    .limit(20)
    .execute()
}

export interface NewToken {
  secret_sha256: Uint8Array
  user_id: string
  project_id: string | null
}

/** Returns when it expires. */
async function insert(db: Db, token: NewToken, lifetime_minutes: number): Promise<Date> {
  const { expires_at } = await db
    .insertInto('token')
    .values({
      ...token,
      secret_sha256: Buffer.from(token.secret_sha256),
      expires_at: sql<Date>`croft_now() + make_interval(mins => ${lifetime_minutes}::int)`,
    })
    .returning('expires_at')
    .executeTakeFirstOrThrow()
  return expires_at
}

/** A second token with the lifetime of the first. Null when the first is none. */
async function insertLike(db: Db, token: NewToken, like_sha256: Uint8Array): Promise<Date | null> {
  const { rows } = await sql<{ expires_at: Date }>`
    insert into token (secret_sha256, user_id, project_id, expires_at)
    select ${Buffer.from(token.secret_sha256)}, ${token.user_id}::uuid, ${token.project_id}::uuid, expires_at
    from token where secret_sha256 = ${Buffer.from(like_sha256)} and expires_at > croft_now()
    returning expires_at`.execute(db)
  return rows[0]?.expires_at ?? null
}

async function remove(db: Db, secret_sha256: Uint8Array): Promise<boolean> {
  const { numDeletedRows } = await db
    .deleteFrom('token')
    .where('secret_sha256', '=', Buffer.from(secret_sha256))
    .executeTakeFirst()
  return numDeletedRows === 1n
}

/** Signs the user out everywhere, but for one token. */
async function removeOthers(db: Db, user_id: string, kept_sha256: Uint8Array | null): Promise<void> {
  let query = db.deleteFrom('token').where('user_id', '=', user_id)
  if (kept_sha256) query = query.where('secret_sha256', '!=', Buffer.from(kept_sha256))
  await query.execute()
}

/** When this token or key expires, and the names that go with it. */
async function details(
  db: Db,
  secret_sha256: Uint8Array,
  user_id: string,
  project_id: string | null,
): Promise<{ expires_at: Date | null; project_name: string | null; roles: Session['roles'] }> {
  const hash = Buffer.from(secret_sha256)
  const { rows } = await sql<{ expires_at: Date | null; project_name: string | null; roles: Session['roles'] }>`
    select
      (select expires_at from token where secret_sha256 = ${hash}
        union all select expires_at from api_key where secret_sha256 = ${hash}) as expires_at,
      (select name from project where id = ${project_id}::uuid) as project_name,
      coalesce((
        select json_agg(json_build_object('role', r.name, 'scope', g.scope, 'domain_id', g.domain_id,
          'project_id', g.project_id, 'instance_id', g.instance_id) order by g.id)
        from role_grant g join role r on r.id = g.role_id where g.user_id = ${user_id}::uuid
      ), '[]') as roles`.execute(db)
  return rows[0] ?? { expires_at: null, project_name: null, roles: [] }
}

export const session = {
  account,
  projectsNamed,
  projectsOf,
  insert,
  insertLike,
  remove,
  removeOthers,
  details,
}
