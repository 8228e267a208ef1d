/** What the guest says and is told over its serial port: the kept log, and the live console. No port of a host is exposed. */
import { createHash } from 'node:crypto'
import { Readable } from 'node:stream'
import { createWebSocketStream, type WebSocket } from 'ws'
import type { instanceRoutes } from '../../api/instance.ts'
import type { QueryOf, ReplyOf } from '../../api/route.ts'
import { CloudError } from '../../model/errors.ts'
import type { Cloud } from '../cloud.ts'
import { consoleTicket } from '../store/console-ticket.ts'
import { instance } from '../store/instance.ts'
import type { Caller } from './caller.ts'
import { getInstance } from './instance.ts'
import { change, withoutKey } from './change.ts'

const ticket_ms = 60_000

/** The last bytes of the console log, and what comes after when followed. The host is asked to send them here. */
export async function readLog(
  cloud: Cloud,
  caller: Caller,
  id: string,
  query: QueryOf<typeof instanceRoutes.log>,
): Promise<Readable> {
  const found = await getInstance(cloud, caller, id)
  const host = { id: found.host_id ?? '', name: found.host ?? '' }
  const { tail_bytes = 65_536, follow = false } = query
  const socket = await cloud.streams.open(host, { kind: 'log', instance_id: id, tail_bytes, follow })
  return Readable.from(createWebSocketStream(socket), { objectMode: false })
}

/** A ticket with which the console can be opened once, from anywhere, within a minute. */
export async function openConsole(
  cloud: Cloud,
  caller: Caller,
  id: string,
): Promise<ReplyOf<typeof instanceRoutes.console>> {
  // Before the transaction, which must not wait for a second connection while it holds its own.
  const found = await getInstance(cloud, caller, id)
  if (found.state !== 'running' && found.state !== 'rebooting' && found.state !== 'starting') {
    throw new CloudError(
      'wrong_state',
      `The instance ${found.name} is ${found.state}; only a running one has a console.`,
    )
  }
  return change(cloud, withoutKey(caller), async tx => {
    const ticket = Buffer.from(cloud.random.bytes(32)).toString('base64url')
    const expires_at = new Date(cloud.clock.now_ms() + ticket_ms)
    const secret_sha256 = createHash('sha256').update(ticket).digest()
    await consoleTicket.insert(tx, { secret_sha256, instance_id: id, user_id: caller.user_id, expires_at })
    return { url: `/v1/consoles/${ticket}`, ticket, expires_at: expires_at.toISOString() }
  })
}

/** The console behind a ticket, dialled by its host. Null when the ticket is unknown, used or too old. */
export async function takeConsole(cloud: Cloud, ticket: string): Promise<WebSocket | null> {
  const taken = await consoleTicket.take(cloud.database.db, createHash('sha256').update(ticket).digest())
  const found = taken && (await instance.find(cloud.database.db, taken.instance_id))
  if (!found?.host_id) return null
  return await cloud.streams.open(
    { id: found.host_id, name: found.host ?? '' },
    { kind: 'console', instance_id: found.id },
  )
}
