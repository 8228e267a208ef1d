/**
 * Live consoles: tickets for them, who sits at one, taking over. Links to look on are console-link.ts's. Bytes do not pass here: the
 * proxy is http/console-socket.ts, the host's end is the agent's.
 */
import { createHash } from 'node:crypto'
import type { WebSocket } from 'ws'
import type { ConsoleTicket, ConsoleViewer } from '../../api/console.ts'
import type { Instance, instanceRoutes } from '../../api/instance.ts'
import type { BodyOf } from '../../api/route.ts'
import { CloudError, notFound } from '../../model/errors.ts'
import type { Cloud } from '../cloud.ts'
import { consoleLink, consoleViewer } from '../store/console.ts'
import { consoleTicket, type Ticket } from '../store/console-ticket.ts'
import { credential, type Holder } from '../store/credential.ts'
import { channels, type Tx } from '../store/database.ts'
import { event } from '../store/event.ts'
import { instance } from '../store/instance.ts'
import { by, type Caller, forbidden, mayOnInstance } from './caller.ts'
import { change, withoutKey } from './change.ts'
import { getInstance } from './instance.ts'

const ticket_ms = 60_000

export function newSecret(cloud: Cloud): { secret: string; secret_sha256: Buffer } {
  const secret = Buffer.from(cloud.random.bytes(32)).toString('base64url')
  return { secret, secret_sha256: sha256(secret) }
}

/** Known with the ticket, so that who opens it finds itself among the viewers; tells nothing of the ticket (RFC 9562, 5.8). */
function viewerIdOf(ticket: string): string {
  const hex = sha256(`viewer ${ticket}`).toString('hex')
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`
}

export const sha256 = (secret: string) => createHash('sha256').update(secret).digest()

export async function operated(cloud: Cloud, caller: Caller, id: string): Promise<Instance> {
  const found = await getInstance(cloud, caller, id)
  if (!mayOnInstance(caller, 'instance.operate', found)) throw forbidden('instance.operate', 'in its project')
  return found
}

export function mustRun(found: Pick<Instance, 'name' | 'state'>): void {
  const { name, state } = found
  if (state === 'migrating' || state === 'running' || state === 'rebooting' || state === 'starting') return
  throw new CloudError('wrong_state', `The instance ${name} is ${state}; only a running one has a console.`)
}

/** A ticket with which the console can be opened once, from anywhere, within a minute. */
export async function openConsole(
  cloud: Cloud,
  caller: Caller,
  id: string,
  asked: BodyOf<typeof instanceRoutes.console>,
): Promise<ConsoleTicket> {
  // Before the transaction, which must not wait for a second connection while it holds its own.
  const found = await getInstance(cloud, caller, id)
  const may_type = mayOnInstance(caller, 'instance.operate', found)
  const { kind = 'serial', viewer_id = null, replay_bytes = 0 } = asked
  const view_only = asked.view_only ?? (kind === 'spice' ? false : !may_type)
  if (!view_only && !may_type) throw forbidden('instance.operate', 'in its project')
  const { user_id, credential_sha256: token_sha256 = null } = caller
  const what = { instance_id: id, user_id, kind, view_only, link_id: null, viewer_id, token_sha256 }
  if (viewer_id !== null && !(await isOwnSpice(cloud, what, viewer_id))) throw notFound('SPICE console', viewer_id)
  mustRun(found)
  if (kind === 'spice') mustHaveSpice(found, view_only)
  return change(cloud, withoutKey(caller), tx => issue(cloud, tx, what, replay_bytes))
}

/** What a client says on its keyboard's and its agent's connections is SPICE's own business: nobody can be held to look on only. */
function mustHaveSpice({ name, graphics }: Instance, view_only: boolean): void {
  if (view_only) {
    throw new CloudError('invalid', 'With SPICE nobody can only look on. Ask for the graphical console for that.')
  }
  if (graphics !== 'spice') {
    throw new CloudError(
      'wrong_state',
      `The instance ${name} has no SPICE. Give it some (croft instance update ${name} --graphics spice), stop it and start it; ` +
        'or use its graphical console, which is always there.',
    )
  }
}

/** Whether a further connection of this viewer may be made: the first is the same user's, and still there. */
async function isOwnSpice(cloud: Cloud, ticket: Ticket, viewer_id: string): Promise<boolean> {
  const found = await consoleViewer.find(cloud.database.db, viewer_id)
  return (
    ticket.kind === 'spice' &&
    found?.kind === 'spice' &&
    found.instance_id === ticket.instance_id &&
    found.user_id === ticket.user_id
  )
}

export async function issue(cloud: Cloud, tx: Tx, what: Ticket, replay_bytes: number): Promise<ConsoleTicket> {
  const { secret: ticket, secret_sha256 } = newSecret(cloud)
  const expires_at = new Date(cloud.clock.now_ms() + ticket_ms)
  await consoleTicket.insert(tx, { ...what, secret_sha256, expires_at })
  const url = `/v1/consoles/${ticket}${replay_bytes > 0 ? `?replay_bytes=${replay_bytes}` : ''}`
  const { kind, view_only, viewer_id } = what
  return {
    url,
    ticket,
    console_id: viewer_id ?? viewerIdOf(ticket),
    kind,
    view_only,
    expires_at: expires_at.toISOString(),
  }
}

/** What a ticket stood for. */
export interface Taken {
  /** Of the viewer that it makes, or belongs to. */
  id: string
  ticket: Ticket
  at: Instance
}

/** What a ticket stands for, once. Null when it is unknown, used or too old, or its instance has no host any more. */
export async function takeTicket(cloud: Cloud, ticket: string): Promise<Taken | null> {
  const { db } = cloud.database
  const taken = await consoleTicket.take(db, sha256(ticket))
  const at = taken && (await instance.find(db, taken.instance_id))
  if (!taken || !at?.host_id || !(await holds(cloud, { ...taken, project_id: at.project_id }))) return null
  if (taken.viewer_id !== null && !(await isOwnSpice(cloud, taken, taken.viewer_id))) return null
  return { id: taken.viewer_id ?? viewerIdOf(ticket), ticket: taken, at }
}

const streams = { serial: 'console', graphical: 'graphics', spice: 'spice' } as const

/** The console as its host has it, dialled by that host. */
export function dialConsole(cloud: Cloud, { ticket, at }: Taken, replay_bytes: number): Promise<WebSocket> {
  const host = { id: at.host_id ?? '', name: at.host ?? '' }
  const asked = { instance_id: at.id }
  const kind = streams[ticket.kind]
  return cloud.streams.open(host, kind === 'console' ? { kind, ...asked, replay_bytes } : { kind, ...asked })
}

type Sits = Pick<Ticket, 'user_id' | 'instance_id' | 'view_only' | 'link_id'> & { project_id: string }

/** Links end with the right of who made them. */
function maySit(holder: Holder | null, { instance_id, view_only, link_id }: Sits): boolean {
  const needs = view_only && link_id === null ? 'instance.read' : 'instance.operate'
  return holder?.on_project.has(needs) === true || holder?.on_instances.get(instance_id)?.has(needs) === true
}

/** Whether who opened it may still sit there: it ends with the right, and with the token, key or link by which it came. */
export async function holds(cloud: Cloud, sits: Sits & Partial<Pick<Ticket, 'token_sha256'>>): Promise<boolean> {
  const { db } = cloud.database
  const { user_id, project_id, link_id, token_sha256 = null } = sits
  if (!maySit(await credential.ofUser(db, user_id, project_id), sits)) return false
  if (token_sha256 !== null && !(await credential.isGood(db, token_sha256))) return false
  return link_id === null || (await consoleLink.find(db, { id: link_id })) !== null
}

/** Somebody sits down: all who see the instance see it. A further connection of one who sits there is no news. */
export async function arrive(cloud: Cloud, { id, ticket, at }: Taken, address: string): Promise<void> {
  const { viewer_id, ...viewer } = ticket
  if (viewer_id !== null) return
  await cloud.database.transaction(async tx => {
    await consoleViewer.insert(tx, { id, ...viewer, controller_id: cloud.self.id, address })
    await tell(tx, at, 'created', ticket.user_id)
  })
}

export async function leave(cloud: Cloud, id: string, at: { id: string; project_id: string }): Promise<void> {
  await cloud.database.transaction(async tx => {
    await consoleViewer.remove(tx, at.id, id)
    // Only if the instance still is; nobody misses the news otherwise.
    await tell(tx, at, 'deleted', null)
  })
}

/** What viewers may do now, however many in two queries; who is not among them is to be cut off. */
export async function standings(cloud: Cloud, ids: readonly string[]): Promise<Map<string, { view_only: boolean }>> {
  const { db } = cloud.database
  const seats = (await consoleViewer.seats(db, ids)).filter(one => one.is_good)
  const holderOf = await credential.ofUsers(db, seats)
  const may = seats.filter(one => maySit(holderOf(one.user_id, one.project_id), one))
  return new Map(may.map(({ id, view_only }) => [id, { view_only }]))
}

/** A controller that starts holds no sockets, whatever it held in a former life. */
export async function forgetViewers(cloud: Cloud): Promise<void> {
  await consoleViewer.removeAllOf(cloud.database.db, cloud.self.id)
}

/** Tells of each viewer whose row changed or went; of null when any may have. Returns how to stop. */
export function watchViewers(cloud: Cloud, notice: (id: string | null) => void): () => void {
  return cloud.database.listen(channels.console, payload => {
    if (payload === null || movedIn(payload) === null) notice(payload)
  })
}

/** Tells of each instance that has gone over to another host. Returns how to stop. */
export function watchMoves(cloud: Cloud, notice: (instance_id: string) => void): () => void {
  return cloud.database.listen(channels.console, payload => {
    const id = payload === null ? null : movedIn(payload)
    if (id !== null) notice(id)
  })
}

const movedIn = (payload: string) => /^moved (\S+)$/.exec(payload)?.[1] ?? null

/** Where the instance is now, as seen from a console that was opened on `host_id`. */
export async function whereabouts(
  cloud: Cloud,
  { id, host_id }: Pick<Instance, 'id' | 'host_id'>,
): Promise<'here' | 'going' | 'moved'> {
  const now = await instance.find(cloud.database.db, id)
  if (now && now.host_id !== host_id) return 'moved'
  return now?.migration ? 'going' : 'here'
}

async function tell(
  tx: Tx,
  at: { id: string; project_id: string },
  kind: string,
  user_id: string | null,
): Promise<void> {
  await event.record(tx, [{ noun: 'console', kind, resource_id: at.id, project_id: at.project_id, user_id }])
}

export async function listViewers(cloud: Cloud, caller: Caller, id: string): Promise<{ items: ConsoleViewer[] }> {
  await getInstance(cloud, caller, id)
  return { items: await consoleViewer.ofInstance(cloud.database.db, id) }
}

/** Takes control away, or gives it. A link only ever looks on, and so does who may not operate the instance. */
export async function updateViewer(
  cloud: Cloud,
  caller: Caller,
  params: { instance: string; console: string },
  view_only: boolean,
): Promise<ConsoleViewer> {
  const at = await operated(cloud, caller, params.instance)
  const { db } = cloud.database
  const before = await consoleViewer.find(db, params.console)
  if (!before || before.instance_id !== at.id) throw notFound('console', params.console)
  if (before.kind === 'spice') {
    throw new CloudError('wrong_state', 'Who sits there by SPICE cannot be held to look on. End that console instead.')
  }
  if (!view_only) {
    const may = before.link_id === null && (await holds(cloud, { ...before, view_only, project_id: at.project_id }))
    if (!may)
      throw new CloudError(
        'wrong_state',
        'This viewer may only look on: it came by a link, or may not operate instances.',
      )
  }
  return change(cloud, caller, async tx => {
    const changed = await consoleViewer.setViewOnly(tx, at.id, params.console, view_only)
    if (!changed) throw notFound('console', params.console)
    await event.record(tx, [
      { noun: 'console', kind: 'changed', resource_id: at.id, project_id: at.project_id, ...by(caller) },
    ])
    return changed
  })
}

/** The controller that holds its socket hears of it and closes it. */
export async function endViewer(
  cloud: Cloud,
  caller: Caller,
  params: { instance: string; console: string },
): Promise<void> {
  const at = await operated(cloud, caller, params.instance)
  await change(cloud, caller, async tx => {
    if (!(await consoleViewer.remove(tx, at.id, params.console))) throw notFound('console', params.console)
    await event.record(tx, [
      { noun: 'console', kind: 'deleted', resource_id: at.id, project_id: at.project_id, ...by(caller) },
    ])
    return null
  })
}
