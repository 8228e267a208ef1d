/**
 * Keyset pages: "the rows after this one", by an indexed order, so that page one thousand costs what page one does
 * and rows that come or go meanwhile shift nothing.
 */
import { type RawBuilder, type SelectQueryBuilder, sql } from 'kysely'
import { CloudError } from '../../model/errors.ts'
import { isUuid } from '../../model/ids.ts'
import { idIs } from './found-by.ts'
import { plan_is_kept } from './prepared.ts'

export interface PageAsked {
  limit?: number | undefined
  cursor?: string | undefined
  sort?: string | undefined
  /** A part of the name, in any case; the id, its beginning or its end; what else the list finds by. */
  search?: string | undefined
}

/** What a list finds by beside names and ids; undefined when the text is nothing of that kind. */
type FoundBy = (id: RawBuilder<unknown>, text: string) => RawBuilder<boolean> | undefined

export interface Page<T> {
  items: T[]
  next: string | null
}

/** Sortable fields of a noun: the API's name and the column's SQL, compared as text unless a cast is named. */
export type SortFields = Readonly<
  Record<string, { column: RawBuilder<unknown>; cast?: 'timestamptz' | 'bigint' | 'text' }>
>

export interface Keyset {
  /** Goes into WHERE; true when this is the first page. */
  where: RawBuilder<boolean>
  order_by: RawBuilder<unknown>
  /** The sort value of a row, to be selected as `sort_key`. */
  key: RawBuilder<string>
  limit: number
  /** The page of these rows, which are one more than it holds where another follows. */
  cut<R extends { id: string; sort_key: string }>(rows: R[]): Page<R>
  /** The same, without what they were sorted by. */
  toPage<R extends { id: string; sort_key: string }>(rows: R[]): Page<Omit<R, 'sort_key'>>
}

/**
 * Reads the wish for a page. `id` is the column that makes the order total. `fields` must hold every field that may be
 * sorted by; 'id' always may. Throws 'invalid' for an unknown field or a cursor of another order.
 */
export function keyset(asked: PageAsked, id: RawBuilder<unknown>, fields: SortFields = {}, foundBy?: FoundBy): Keyset {
  const limit = asked.limit ?? 100
  const sort = asked.sort ?? 'id'
  const descending = sort.startsWith('-')
  const name = descending ? sort.slice(1) : sort
  const field = name === 'id' ? null : Object.hasOwn(fields, name) ? fields[name] : undefined
  if (field === undefined) {
    const possible = ['id', ...Object.keys(fields)].join(', ')
    throw new CloudError('invalid', `This list cannot be sorted by '${name}'; it can by: ${possible}.`, {
      sort,
      possible,
    })
  }
  const direction = descending ? sql`desc` : sql`asc`
  const cast = sql.raw(field?.cast ?? 'text')
  const after = readCursor(asked.cursor, sort, field?.cast ?? 'text')
  const compare = descending ? sql`<` : sql`>`
  const within = searched(asked.search, id, fields, foundBy)
  const cut: Keyset['cut'] = rows => {
    const items = rows.slice(0, limit)
    const last = rows.length > limit ? items.at(-1) : undefined
    return { items, next: last ? writeCursor(sort, last.sort_key, last.id) : null }
  }
  const start = !after
    ? sql<boolean>`true`
    : field
      ? sql<boolean>`(${field.column}, ${id}) ${compare} (${after.key}::${cast}, ${after.id}::uuid)`
      : sql<boolean>`${id} ${compare} ${after.id}::uuid`
  return {
    limit,
    key: field ? sql<string>`(${field.column})::text` : sql<string>`''`,
    where: within ? sql<boolean>`${start} and ${within}` : start,
    order_by: field ? sql`${field.column} ${direction}, ${id} ${direction}` : sql`${id} ${direction}`,
    cut,
    toPage(rows) {
      const { items, next } = cut(rows)
      return { items: items.map(({ sort_key: _, ...row }) => row), next }
    },
  }
}

/** Sizes of pages that are asked for again and again. */
const usual_limits: readonly number[] = [20, 50, 100, 200, 500, 1000]

/**
 * Orders and bounds a query that nothing narrows down but what begins the index of each of its orders: PostgreSQL then need not plan it anew at each call,
 * which takes as long as reading hundreds of rows. A limit that is not known would be taken for a tenth of all rows.
 */
export function inOrder<DB, TB extends keyof DB, R>(
  query: SelectQueryBuilder<DB, TB, R>,
  { order_by, limit }: Keyset,
): SelectQueryBuilder<DB, TB, R> {
  const ordered = query.orderBy(order_by)
  if (!usual_limits.includes(limit)) return ordered.limit(limit + 1)
  return ordered.limit(sql.lit(limit + 1)).modifyEnd(sql.raw(plan_is_kept))
}

/** Runs a query that selects `keys.key` as `sort_key` and is held to `keys.where`, and shows each of its rows. */
export async function readPage<DB, TB extends keyof DB, R extends { id: string; sort_key: string }, T>(
  query: SelectQueryBuilder<DB, TB, R>,
  keys: Keyset,
  show: (row: Omit<R, 'sort_key'>) => T,
): Promise<Page<T>> {
  const rows = await query
    .orderBy(keys.order_by)
    .limit(keys.limit + 1)
    .execute()
  const { items, next } = keys.toPage(rows)
  return { items: items.map(show), next }
}

/** Undefined when nothing is searched for. */
function searched(
  search: string | undefined,
  id: RawBuilder<unknown>,
  { name }: SortFields,
  foundBy: FoundBy | undefined,
): RawBuilder<boolean> | undefined {
  if (search === undefined) return undefined
  if (!name && !foundBy) throw new CloudError('invalid', 'This list has no names to search in. Leave `search` out.')
  const named = name && sql<boolean>`${name.column} ilike ${`%${search.replaceAll(/[\\%_]/g, '\\$&')}%`}`
  const ways = [named, idIs(id, search), foundBy?.(id, search)].filter(way => way !== undefined)
  return ways.length === 0 ? sql<boolean>`false` : sql<boolean>`(${sql.join(ways, sql` or `)})`
}

function writeCursor(sort: string, key: string, id: string): string {
  return Buffer.from(JSON.stringify([sort, key, id])).toString('base64url')
}

/** What the database would not read as that type, it is not asked to. */
const readable = {
  text: () => true,
  bigint: (key: string) => /^-?\d{1,18}$/.test(key),
  timestamptz: (key: string) => /^\d{4,5}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d{1,6})?[+-]\d\d(:\d\d){0,2}$/.test(key),
} as const

function readCursor(
  cursor: string | undefined,
  sort: string,
  cast: keyof typeof readable,
): { key: string; id: string } | null {
  if (cursor === undefined) return null
  try {
    const parts: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString())
    if (
      Array.isArray(parts) &&
      parts.length === 3 &&
      parts.every(part => typeof part === 'string' && !part.includes('\0')) &&
      parts[0] === sort &&
      readable[cast](String(parts[1])) &&
      isUuid(String(parts[2]))
    ) {
      return { key: String(parts[1]), id: String(parts[2]) }
    }
  } catch {
    // Falls through to the one answer for every cursor that is not ours.
  }
  throw new CloudError('invalid', 'The cursor is not from a page of this list in this order. Begin again without one.')
}
