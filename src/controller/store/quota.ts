/**
 * What is limited and how much of it is used, exact at every moment: charged in the transaction that makes a thing,
 * released in the one that removes it. A charge counts in the project, in its domain, and in every domain above.
 */
import { type RawBuilder, sql } from 'kysely'
import { CloudError } from '../../model/errors.ts'
import { projectQuotaDefaults, type QuotaCharge, type QuotaResource, quotaResources } from '../../model/quota.ts'
import { type Db, json, type Tx } from './database.ts'

export type QuotaScope = 'domain' | 'project'

export interface QuotaRow {
  resource: QuotaResource
  used: number
  limit: number | null
}

/** Rows for every project and domain that lacks some: new ones, and all after an upgrade that limits something more. */
async function fillIn(db: Db): Promise<void> {
  const resources = sql`(values ${sql.join(quotaResources.map(name => sql`(${name}, ${projectQuotaDefaults[name]}::bigint)`))})`
  await sql`insert into quota (scope, scope_id, resource, limit_value)
    select 'project', p.id, r.name, r.fallback from project p cross join ${resources} as r (name, fallback)
    on conflict do nothing`.execute(db)
  await sql`insert into quota (scope, scope_id, resource)
    select 'domain', d.id, r.name from domain d cross join ${resources} as r (name, fallback)
    on conflict do nothing`.execute(db)
}

/** The rows of a new project (the defaults) or domain (no limits). */
async function create(tx: Tx, scope: QuotaScope, scope_id: string): Promise<void> {
  await tx
    .insertInto('quota')
    .values(
      quotaResources.map(resource => ({
        scope,
        scope_id,
        resource,
        limit_value: scope === 'project' ? projectQuotaDefaults[resource] : null,
      })),
    )
    .execute()
}

export interface ChargedTo {
  project_id: string
  domain_id: string
}

export interface Share extends ChargedTo {
  amounts: QuotaCharge
}

/**
 * What counts where, of any number of projects: in each project, in its domain, and in every domain above, summed up. All rows
 * are locked by one statement and in one order, so that two transactions never wait for each other in a circle.
 */
const locked = (shares: readonly Share[]) => counted(shares, 'locked', sql`for update of q`)

function counted(shares: readonly Share[], name: 'locked' | 'seen', lock: RawBuilder<unknown>): RawBuilder<unknown> {
  const rows = shares.flatMap(({ project_id, domain_id, amounts }) =>
    entriesOf(amounts).map(([resource, amount]) => ({ project_id, domain_id, resource, amount })),
  )
  return sql`asked as (
      select * from jsonb_to_recordset(${json(rows)}) as r (project_id uuid, domain_id uuid, resource text, amount bigint)
    ), above as (
      select d.id as of_id, d.id, d.parent_id from domain d where d.id in (select domain_id from asked)
      union all select a.of_id, d.id, d.parent_id from above a join domain d on d.id = a.parent_id
    ), sums as (
      select scope, scope_id, resource, sum(amount)::bigint as amount from (
        select 'project' as scope, project_id as scope_id, resource, amount from asked
        union all select 'domain', above.id, resource, amount from asked join above on above.of_id = asked.domain_id
      ) as each group by scope, scope_id, resource
    ), ${sql.raw(name)} as materialized (
      select q.scope, q.scope_id, q.resource, q.used, q.limit_value, s.amount
      from quota q join sums s on s.scope = q.scope and s.scope_id = q.scope_id and s.resource = q.resource
      order by q.scope, q.scope_id, q.resource ${lock}
    )`
}

function entriesOf(charge: QuotaCharge): [QuotaResource, number][] {
  return quotaResources.flatMap((resource): [QuotaResource, number][] => {
    const amount = charge[resource] ?? 0
    if (!Number.isSafeInteger(amount) || amount < 0)
      throw new RangeError(`quota ${resource} cannot change by ${amount}`)
    return amount === 0 ? [] : [[resource, amount]]
  })
}

/** Adds to what is used by one project: chargeAll. */
async function charge(tx: Tx, to: ChargedTo, amounts: QuotaCharge): Promise<void> {
  await chargeAll(tx, [{ ...to, amounts }])
}

/**
 * Adds to what is used, everywhere or nowhere; throws quota_exceeded, which must end the transaction. The rows are locked
 * until the transaction ends, so charge as late in it as you can.
 */
async function chargeAll(tx: Tx, shares: readonly Share[]): Promise<void> {
  const asked = new Set(
    shares.flatMap(one => entriesOf(one.amounts).map(([resource]) => `${one.project_id} ${resource}`)),
  )
  if (asked.size === 0) return
  const { rows } = await sql<Counted>`
    with recursive ${locked(shares)}, charged as (
      update quota q set used = q.used + l.amount from locked l
      where q.scope = l.scope and q.scope_id = l.scope_id and q.resource = l.resource
        and ${allows('q', 'l')}
      returning q.scope, q.scope_id, q.resource
    )
    select l.*, c.resource is not null as charged
    from locked l left join charged c on c.scope = l.scope and c.scope_id = l.scope_id and c.resource = l.resource
    order by l.scope desc, l.resource`.execute(tx)
  const refused = rows.find(row => !row.charged)
  if (refused) throw await exceeded(tx, refused)
  const projects = rows.filter(row => row.scope === 'project').length
  if (projects < asked.size || projects === rows.length)
    throw new Error(`quota rows are missing of: ${[...asked].join()}`)
}

/** The one rule: what is used and what is asked for stay within the limit. */
const allows = (row: 'q' | 's', amount: 'l' | 's') =>
  sql.raw(`(${row}.limit_value is null or ${row}.used + ${amount}.amount <= ${row}.limit_value)`)

/** What `charge` would throw now; null: nothing. Nothing is charged or locked. */
async function refusal(tx: Tx, to: ChargedTo, amounts: QuotaCharge): Promise<CloudError | null> {
  if (entriesOf(amounts).length === 0) return null
  const { rows } = await sql<Counted>`
    with recursive ${counted([{ ...to, amounts }], 'seen', sql``)}
    select s.*, ${allows('s', 's')} as charged from seen s order by s.scope desc, s.resource`.execute(tx)
  const refused = rows.find(row => !row.charged)
  return refused ? await exceeded(tx, refused) : null
}

interface Counted {
  scope: QuotaScope
  scope_id: string
  resource: QuotaResource
  used: number
  limit_value: number
  amount: number
  charged: boolean
}

const units: Record<QuotaResource, string> = {
  instances: 'instances',
  vcpus: 'vCPUs',
  memory_mib: 'MiB of memory',
  storage_gib: 'GiB of storage',
  networks: 'networks',
  routers: 'routers',
  floating_ips: 'floating addresses',
  security_groups: 'security groups',
  images: 'images',
  instance_groups: 'instance groups',
}

async function exceeded(tx: Tx, row: Counted): Promise<CloudError> {
  const { scope, scope_id, resource, used, limit_value, amount } = row
  const named = await tx.selectFrom(scope).select('name').where('id', '=', scope_id).executeTakeFirst()
  const who = scope === 'project' ? "The domain's administrator" : 'The administrator of the cloud'
  return new CloudError(
    'quota_exceeded',
    `The ${scope} '${named?.name ?? scope_id}' may have ${limit_value} ${units[resource]} and uses ${used}; this asks for ${amount} more. ` +
      `Delete something, or have the limit raised. ${who} can: croft quota set.`,
    { resource, scope, scope_id, limit: limit_value, used, asked: amount },
  )
}

/** Takes back what was charged to one project: releaseAll. */
async function release(tx: Tx, to: ChargedTo, amounts: QuotaCharge): Promise<void> {
  await releaseAll(tx, [{ ...to, amounts }])
}

/** Takes back what was charged. */
async function releaseAll(tx: Tx, shares: readonly Share[]): Promise<void> {
  if (shares.every(one => entriesOf(one.amounts).length === 0)) return
  await sql`
    with recursive ${locked(shares)}
    update quota q set used = q.used - l.amount from locked l
    where q.scope = l.scope and q.scope_id = l.scope_id and q.resource = l.resource`.execute(tx)
}

async function list(db: Db, scope: QuotaScope, scope_id: string): Promise<QuotaRow[]> {
  const rows = await db
    .selectFrom('quota')
    .select(['resource', 'used', 'limit_value'])
    .where('scope', '=', scope)
    .where('scope_id', '=', scope_id)
    .execute()
  return quotaResources.flatMap(resource => {
    const row = rows.find(found => found.resource === resource)
    return row ? [{ resource, used: row.used, limit: row.limit_value }] : []
  })
}

/** Sets limits; null for none. A limit below what is used takes nothing away: it only refuses more. */
async function setLimits(
  tx: Tx,
  scope: QuotaScope,
  scope_id: string,
  limits: Partial<Record<QuotaResource, number | null>>,
): Promise<void> {
  for (const resource of quotaResources) {
    const limit = limits[resource]
    if (limit === undefined) continue
    await tx
      .updateTable('quota')
      .set({ limit_value: limit })
      .where('scope', '=', scope)
      .where('scope_id', '=', scope_id)
      .where('resource', '=', resource)
      .execute()
  }
}

async function remove(tx: Tx, scope: QuotaScope, scope_id: string): Promise<void> {
  await tx.deleteFrom('quota').where('scope', '=', scope).where('scope_id', '=', scope_id).execute()
}

export const quota = { fillIn, create, charge, chargeAll, refusal, release, releaseAll, list, setLimits, remove }
