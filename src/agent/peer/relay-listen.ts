/**
 * The target's end of the relay: listens for other hosts' agents, and lets through what is expected: the right host, with the right
 * secret, for a move that is being prepared here. Everything else is cut off, soon and without an answer.
 */
import { createHash, timingSafeEqual } from 'node:crypto'
import { connect } from 'node:net'
import type { Duplex } from 'node:stream'
import { createServer, type TLSSocket } from 'node:tls'
import { type Opening, openingBytesMax, parseOpening, peerMessageBytesMax } from '../../protocol/peer.ts'
import { receiveFile } from './file-stream.ts'
import { beat, eachLine, firstLine } from './lines.ts'
import type { RelayEnd } from './relay-main.ts'
import type { ComingFile, Coming, RelayOrder, RelayWord } from './relay-words.ts'
import { splice } from './splice.ts'
import { nameOf, peerTlsOptions } from './tls.ts'

const opening_ms = 10_000
/** Connections that have not said yet what they are for. */
const strangersMax = 64
/** Disks have one each, and some more. */
const streamsMax = 256
const askAfter_ms = 15_000

interface Expected {
  readonly coming: Coming
  files: Readonly<Record<string, ComingFile>>
  readonly streams: Set<Duplex>
}

export function createListener(
  { tls, address, port }: Extract<RelayOrder, { do: 'listen' }>,
  tell: (word: RelayWord) => void,
): RelayEnd {
  const expected = new Map<string, Expected>()
  const sessions = new Map<number, TLSSocket>()
  let next_session = 1
  let strangers = 0

  const server = createServer({ ...peerTlsOptions(tls), handshakeTimeout: opening_ms }, socket => {
    socket.on('error', () => socket.destroy())
    if (strangers >= strangersMax) return socket.destroy()
    strangers++
    admit(socket)
      .catch(() => socket.destroy())
      .finally(() => strangers--)
  })
  server.on('tlsClientError', (_error, socket) => socket.destroy())
  server.on('error', error => tell({ on: 'failed', reason: error.message }))
  server.listen(port, address, () => {
    const bound = server.address()
    tell({ on: 'listening', port: typeof bound === 'object' && bound !== null ? bound.port : port })
  })

  async function admit(socket: TLSSocket): Promise<void> {
    const name = nameOf(socket, tls.ca, Date.now())
    if (name === null) throw new Error('not a host of this cloud')
    const timer = setTimeout(() => socket.destroy(), opening_ms)
    const opening = parseOpening(await firstLine(socket, openingBytesMax).finally(() => clearTimeout(timer)))
    const move = opening === null ? undefined : expected.get(opening.migration)
    if (opening === null || move === undefined || move.coming.peer_host_id !== name) throw new Error('not expected')
    if (!same(opening.secret, move.coming.secret) || move.streams.size >= streamsMax) throw new Error('not expected')
    socket.setKeepAlive(true, askAfter_ms)
    socket.setNoDelay(true)
    move.streams.add(socket)
    socket.once('close', () => move.streams.delete(socket))
    carry(socket, opening, move)
  }

  function carry(socket: TLSSocket, opening: Opening, move: Expected): void {
    switch (opening.stream) {
      case 'control':
        return converse(socket, opening.migration)
      case 'memory':
      case 'disks':
        return splice(socket, connect({ path: move.coming.sockets[opening.stream], allowHalfOpen: true }))
      case 'file':
        return takeFile(socket, opening, move)
      default:
        return opening.stream satisfies never
    }
  }

  function converse(socket: TLSSocket, migration: string): void {
    const session = next_session++
    sessions.set(session, socket)
    tell({ on: 'session', session, migration })
    eachLine(socket, peerMessageBytesMax, text => tell({ on: 'heard', session, text }))
    beat(socket)
    socket.on('end', () => socket.end())
    socket.once('close', () => {
      sessions.delete(session)
      tell({ on: 'closed', session, reason: null })
    })
    socket.resume()
  }

  function takeFile(socket: TLSSocket, { migration, volume_id = '' }: Opening, move: Expected): void {
    const file = move.files[volume_id]
    if (file === undefined) return void socket.destroy()
    // Once: what has been looked at afterwards is changed by nobody.
    const { [volume_id]: _taken, ...others } = move.files
    move.files = others
    receiveFile(socket, file.path, file.bytes_max).then(
      () => {
        tell({ on: 'file', migration, volume_id, error: null })
        socket.end()
      },
      (error: Error) => {
        tell({ on: 'file', migration, volume_id, error: error.message })
        socket.destroy()
      },
    )
  }

  return {
    get streams() {
      return [...expected.values()].reduce((sum, { streams }) => sum + streams.size, 0)
    },
    obey(order) {
      if (order.do === 'expect') {
        const { coming } = order
        if (!expected.has(coming.migration)) {
          expected.set(coming.migration, { coming, files: {}, streams: new Set() })
        }
      } else if (order.do === 'files') {
        const move = expected.get(order.migration)
        if (move !== undefined) move.files = order.files
      } else if (order.do === 'dismiss') {
        const move = expected.get(order.migration)
        expected.delete(order.migration)
        for (const stream of move?.streams ?? []) stream.destroy()
      } else if (order.do === 'say') sessions.get(order.session)?.write(`${order.text}\n`)
      else if (order.do === 'hang_up') sessions.get(order.session)?.end()
      else return false
      return true
    },
  }
}

function same(a: string, b: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest()
  return timingSafeEqual(digest(a), digest(b))
}
