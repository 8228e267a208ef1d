/** Lists of instances: whichever filter and order, a page reads as many rows as it has. How one is shown is in instance-shown.ts. */
import { type RawBuilder, sql } from 'kysely'
import type { Instance } from '../../api/instance.ts'
import type { Availability } from '../../model/availability.ts'
import { type InstanceState, instanceStates } from '../../model/instance.ts'
import type { Db } from './database.ts'
import { instanceIs } from './found-by.ts'
import { shownAt, stampsOf } from './instance-shown.ts'
import { obstructed } from './instance-situation.ts'
import { inOrder, type Keyset, keyset, type Page, type PageAsked } from './page.ts'

interface InstanceFilter extends PageAsked {
  /** Null: of all projects. */
  project_id: string | null
  name?: string | undefined
  /** In any of these states; it says by itself whether deleted ones are among them. */
  state?: readonly InstanceState[] | undefined
  host_id?: string | undefined
  image_id?: string | undefined
  group_id?: string | undefined
  zone_id?: string | undefined
  availability?: Availability | undefined
  ha_obstacle?: boolean | undefined
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
  const narrow = asked.ha_obstacle === true || narrowing.some(field => asked[field] !== undefined)
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
  const among = states && (narrow ? sql`instance_state` : firstOfStates(states, asked, keys))
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
  // Where states are looked up first, these have been asked for there.
  if (!states || narrow) for (const condition of wideOf(asked)) query = query.where(condition)
  const is_plain = !states && !narrow && wideOf(asked).length === 0
  const page = is_plain ? inOrder(query, keys) : query.orderBy(keys.order_by).limit(keys.limit + 1)
  const { items, next } = keys.cut(await page.execute())
  return { items: await shownAt(db, items), next }
}

const narrowing = ['ids', 'name', 'search', 'host_id', 'image_id', 'group_id'] as const

/** Of an instance `i`, what many may have. Each alone has an index for every order; but for obstacles, which are others' rows. */
function wideOf({ project_id, zone_id, availability, ha_obstacle }: InstanceFilter): RawBuilder<boolean>[] {
  return [
    zone_id !== undefined && sql<boolean>`i.zone_id = ${zone_id}::uuid`,
    availability !== undefined && sql<boolean>`i.availability = ${availability}`,
    ha_obstacle === true && sql<boolean>`i.id in (${obstructed(project_id)})`,
    ha_obstacle === false && sql<boolean>`not exists (select from (${obstructed(project_id)}) o where o.id = i.id)`,
  ].filter(condition => condition !== false)
}

/**
 * Of each state the first of the page, by the index that has state and order: as many rows, however many instances there are. With another wide filter
 * beside it instances of the state are looked through until the page is full: whoever asks for a state wants one that few are in.
 */
function firstOfStates(states: readonly InstanceState[], asked: InstanceFilter, keys: Keyset): RawBuilder<unknown> {
  const { project_id } = asked
  const wide = wideOf(asked)
  const also =
    wide.length === 0
      ? sql`true`
      : sql`exists (select from instance i where i.id = t.instance_id and ${sql.join(wide, sql` and `)})`
  const within = project_id === null ? also : sql`t.project_id = ${project_id}::uuid and ${also}`
  return sql`(select t.* from unnest(${[...states]}::text[]) as w (state) cross join lateral (
    select t.* from instance_state t where t.state = w.state and ${within} and ${keys.where}
    order by ${keys.order_by} limit ${keys.limit + 1}) t)`
}
