/** Who sits at consoles, and the links to look on. */
import { type ExpressionBuilder, type SelectQueryBuilder, sql } from 'kysely'
import type { ConsoleLink, ConsoleViewer } from '../../api/console.ts'
import type { ConsoleKind, ShownKind } from '../../model/console.ts'
import { isGoodCredential } from './credential.ts'
import { channels, type Db, type Tx } from './database.ts'
import type { Schema } from './schema.ts'

export interface NewViewer {
  id: string
  instance_id: string
  controller_id: string
  link_id: string | null
  user_id: string
  kind: ConsoleKind
  view_only: boolean
  address: string
  /** By which token or key it came. */
  token_sha256: Buffer | null
}

/** What bears on whether somebody may still sit there. */
export interface Seat {
  id: string
  user_id: string
  instance_id: string
  project_id: string
  view_only: boolean
  link_id: string | null
  /** The token, key or link that it came by is still good. */
  is_good: boolean
}

/** Those that still have a row, in one query however many. */
async function seats(db: Db, ids: readonly string[]): Promise<Seat[]> {
  const { rows } = await sql<Seat>`
    select v.id, v.user_id, v.instance_id, i.project_id, v.view_only, v.link_id, case
        when v.link_id is not null then exists (select from console_link l where l.id = v.link_id and l.expires_at > croft_now())
        when v.token_sha256 is not null then ${isGoodCredential(sql`v.token_sha256`)}
        else true end as is_good
    from console_viewer v join instance i on i.id = v.instance_id where v.id = any(${[...ids]}::uuid[])`.execute(db)
  return rows
}

async function insert(tx: Tx, viewer: NewViewer): Promise<void> {
  await tx.insertInto('console_viewer').values(viewer).execute()
}

type Viewers = SelectQueryBuilder<Schema, 'console_viewer', object>

function shown(query: Viewers) {
  return query.select(eb => [
    'console_viewer.id',
    'instance_id',
    'console_viewer.user_id',
    nameOf(eb, 'console_viewer.user_id').as('user'),
    'link_id',
    'kind',
    'view_only',
    'address',
    'opened_at',
  ])
}

function nameOf<Table extends keyof Schema>(
  _: ExpressionBuilder<Schema, Table>,
  column: 'console_viewer.user_id' | 'console_link.user_id',
) {
  return sql<string | null>`(select u.name from "user" u where u.id = ${sql.ref(column)})`
}

function toViewer(row: Omit<ConsoleViewer, 'opened_at'> & { opened_at: Date }): ConsoleViewer {
  return { ...row, opened_at: row.opened_at.toISOString() }
}

/** Oldest first. Those of a controller whose lease is over are gone, though nobody could say so. */
async function ofInstance(db: Db, instance_id: string): Promise<ConsoleViewer[]> {
  const rows = await shown(db.selectFrom('console_viewer'))
    .where('instance_id', '=', instance_id)
    .where(sql<boolean>`controller_id in (select id from controller where lease_until > croft_now())`)
    .orderBy('opened_at')
    .orderBy('console_viewer.id')
    .execute()
  return rows.map(toViewer)
}

async function find(db: Db, id: string): Promise<ConsoleViewer | null> {
  const row = await shown(db.selectFrom('console_viewer')).where('console_viewer.id', '=', id).executeTakeFirst()
  return row ? toViewer(row) : null
}

/** Null when there is none, or it is another instance's. */
async function setViewOnly(tx: Tx, instance_id: string, id: string, view_only: boolean): Promise<ConsoleViewer | null> {
  const { numUpdatedRows } = await tx
    .updateTable('console_viewer')
    .set({ view_only })
    .where('id', '=', id)
    .where('instance_id', '=', instance_id)
    .executeTakeFirst()
  if (numUpdatedRows === 0n) return null
  await tell(tx, [id])
  return find(tx, id)
}

async function remove(tx: Tx, instance_id: string, id: string): Promise<boolean> {
  const { numDeletedRows } = await tx
    .deleteFrom('console_viewer')
    .where('id', '=', id)
    .where('instance_id', '=', instance_id)
    .executeTakeFirst()
  await tell(tx, [id])
  return numDeletedRows > 0n
}

/** A controller that starts has no sockets. */
async function removeAllOf(db: Db, controller_id: string): Promise<void> {
  await db.deleteFrom('console_viewer').where('controller_id', '=', controller_id).execute()
}

/** The controllers that hold these look at their rows again. */
async function tell(tx: Tx, ids: readonly string[]): Promise<void> {
  if (ids.length > 0)
    await sql`select pg_notify(${channels.console}, id) from unnest(${ids}::text[]) as t (id)`.execute(tx)
}

export const consoleViewer = { insert, ofInstance, seats, find, setViewOnly, remove, removeAllOf }

export interface LinkRow {
  id: string
  instance_id: string
  user_id: string
  kind: ShownKind
  expires_at: Date
}

function good(query: SelectQueryBuilder<Schema, 'console_link', object>) {
  return query.where('expires_at', '>', sql<Date>`croft_now()`)
}

async function insertLink(tx: Tx, link: LinkRow & { secret_sha256: Buffer }): Promise<void> {
  await tx.insertInto('console_link').values(link).execute()
}

/** Those that are good now, newest first. */
async function linksOf(db: Db, instance_id: string): Promise<ConsoleLink[]> {
  const rows = await good(db.selectFrom('console_link'))
    .select(eb => [
      'console_link.id',
      'instance_id',
      'console_link.user_id',
      nameOf(eb, 'console_link.user_id').as('user'),
      'kind',
      sql<number>`(select count(*) from console_viewer v where v.link_id = console_link.id)`.as('viewers'),
      'expires_at',
      'created_at',
    ])
    .where('instance_id', '=', instance_id)
    .orderBy('console_link.id', 'desc')
    .execute()
  return rows.map(row => ({
    ...row,
    expires_at: row.expires_at.toISOString(),
    created_at: row.created_at.toISOString(),
  }))
}

async function findLink(db: Db, by: { id: string } | { secret_sha256: Buffer }): Promise<LinkRow | null> {
  const row = await good(db.selectFrom('console_link'))
    .select(['id', 'instance_id', 'user_id', 'kind', 'expires_at'])
    .where(eb => ('id' in by ? eb('id', '=', by.id) : eb('secret_sha256', '=', by.secret_sha256)))
    .executeTakeFirst()
  return row ?? null
}

/** Takes those who look on by it along, and the tickets made for it. */
async function removeLink(tx: Tx, instance_id: string, id: string): Promise<boolean> {
  const viewers = await tx.selectFrom('console_viewer').select('id').where('link_id', '=', id).execute()
  await tx.deleteFrom('console_ticket').where('link_id', '=', id).execute()
  const { numDeletedRows } = await tx
    .deleteFrom('console_link')
    .where('id', '=', id)
    .where('instance_id', '=', instance_id)
    .executeTakeFirst()
  await tell(
    tx,
    viewers.map(one => one.id),
  )
  return numDeletedRows > 0n
}

export const consoleLink = { insert: insertLink, ofInstance: linksOf, find: findLink, remove: removeLink }
