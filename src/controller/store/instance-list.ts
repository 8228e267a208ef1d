/** Lists of instances: whichever filter and order, a page reads as many rows as it has. How one is shown is in instance-shown.ts. */
import { type RawBuilder, sql } from 'kysely'
import type { Instance } from '../../api/instance.ts'
import { type InstanceState, instanceStates } from '../../model/instance.ts'
import type { Db } from './database.ts'
import { instanceIs } from './found-by.ts'
import { shownAt, stampsOf } from './instance-shown.ts'
import { type Keyset, keyset, type Page, type PageAsked } from './page.ts'

interface InstanceFilter extends PageAsked {
  /** Null: of all projects. */
  project_id: string | null
  name?: string | undefined
  /** In any of these states; it says by itself whether deleted ones are among them. */
  state?: readonly InstanceState[] | undefined
  host_id?: string | undefined
  image_id?: string | undefined
  group_id?: string | undefined
  deleted?: boolean | undefined
  /** Only these. */
  ids?: readonly string[] | undefined
}

const gone: readonly InstanceState[] = ['deleted', 'deleting']

/** In which states; undefined where no index of states is needed. */
function statesOf({ state, deleted, sort }: InstanceFilter): readonly InstanceState[] | undefined {
  if (state) return deleted === undefined ? state : state.filter(one => gone.includes(one) === deleted)
  if (sort !== 'state' && sort !== '-state') return undefined
  return instanceStates.filter(one => gone.includes(one) === (deleted ?? false))
}

export async function listInstances(db: Db, asked: InstanceFilter): Promise<Page<Instance>> {
  const states = statesOf(asked)
  // Whoever narrows the list down otherwise, too, has few to look through, of which the states are looked up.
  const narrow = narrowing.some(field => asked[field] !== undefined)
  const of = states && !narrow ? sql`t` : sql`i`
  const keys = keyset(
    asked,
    states && !narrow ? sql`t.instance_id` : sql`i.id`,
    {
      name: { column: sql`${of}.name` },
      created_at: { column: sql`${of}.created_at`, cast: 'timestamptz' },
      ...(states && { state: { column: sql`t.state` } }),
    },
    instanceIs(asked.project_id),
  )
  const among = states && (narrow ? sql`instance_state` : firstOfStates(states, asked.project_id, keys))
  let query = stampsOf(db)
    .select(keys.key.as('sort_key'))
    .where(keys.where)
    .$if(among !== undefined, part =>
      part
        .innerJoin(sql<{ instance_id: string }>`${among}`.as<'t'>(sql`t`), 't.instance_id', 'i.id')
        .where(sql<boolean>`t.state = any(${[...(states ?? [])]}::text[])`),
    )
  if (!states) query = query.where('i.deleted_at', asked.deleted ? 'is not' : 'is', null)
  if (asked.project_id !== null) query = query.where('i.project_id', '=', asked.project_id)
  if (asked.ids) query = query.where(sql<boolean>`i.id = any(${[...asked.ids]}::uuid[])`)
  if (asked.name !== undefined) query = query.where('i.name', '=', asked.name)
  if (asked.host_id !== undefined) query = query.where('i.host_id', '=', asked.host_id)
  if (asked.image_id !== undefined) query = query.where('i.image_id', '=', asked.image_id)
  if (asked.group_id !== undefined) query = query.where('i.group_id', '=', asked.group_id)
  const { items, next } = keys.cut(
    await query
      .orderBy(keys.order_by)
      .limit(keys.limit + 1)
      .execute(),
  )
  return { items: await shownAt(db, items), next }
}

const narrowing = ['ids', 'name', 'search', 'host_id', 'image_id', 'group_id'] as const

/** Of each state the first of the page, by the index that has state and order: as many rows, however many instances there are. */
function firstOfStates(states: readonly InstanceState[], project_id: string | null, keys: Keyset): RawBuilder<unknown> {
  const within = project_id === null ? sql`true` : sql`t.project_id = ${project_id}::uuid`
  return sql`(select t.* from unnest(${[...states]}::text[]) as w (state) cross join lateral (
    select t.* from instance_state t where t.state = w.state and ${within} and ${keys.where}
    order by ${keys.order_by} limit ${keys.limit + 1}) t)`
}
