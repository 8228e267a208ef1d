/** What the guest has written to its serial port, as its host keeps it. Live consoles are in console.ts. */
import { Readable } from 'node:stream'
import { createWebSocketStream } from 'ws'
import type { instanceRoutes } from '../../api/instance.ts'
import type { QueryOf } from '../../api/route.ts'
import type { Cloud } from '../cloud.ts'
import type { Caller } from './caller.ts'
import { getInstance } from './instance.ts'

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
