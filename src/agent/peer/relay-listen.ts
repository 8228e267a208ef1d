/**
 * The target's end of the relay: listens for other hosts' agents, and lets through what is expected: the right host, with the right
 * secret, for a move that is being prepared here. Everything else is cut off, soon and without an answer.
 */
import { createHash, timingSafeEqual } from 'node:crypto'
import { connect } from 'node:net'
import type { Duplex } from 'node:stream'
import { createServer, type TLSSocket } from 'node:tls'
import { type Opening, openingBytesMax, parseOpening, peerMessageBytesMax } from '../../protocol/peer-opening.ts'
import { receiveFile } from './file-stream.ts'
import { beat, type Beats, eachLine, firstLine } from './lines.ts'
import type { RelayEnd } from './relay-main.ts'
import type { ComingFile, Coming, RelayOrder, RelayWord } from './relay-words.ts'
import { splice } from './splice.ts'
import { nameOf, peerTlsOptions } from './tls.ts'
import { sayTaken, takenLine, tellTaken } from './window.ts'

const opening_ms = 10_000
/** Connections that have not said yet what they are for. */
const strangersMax = 64
/** Disks have one each, and some more. */
const streamsMax = 256
const askAfter_ms = 15_000

interface Expected {
  readonly coming: Coming
  files: Readonly<Record<string, ComingFile>>
  /** Connections of its source: those that carry something, and those that talk. */
  readonly streams: Set<Duplex>
  readonly sessions: Set<Duplex>
  lasting: boolean
}

export function createListener(
  { tls, address, port }: Extract<RelayOrder, { do: 'listen' }>,
  tell: (word: RelayWord) => void,
  beats?: Beats,
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
    const { streams, sessions: talking } = move
    if (!same(opening.secret, move.coming.secret)) throw new Error('not expected')
    if (streams.size + talking.size >= streamsMax) throw new Error('too many')
    socket.setKeepAlive(true, askAfter_ms)
    socket.setNoDelay(true)
    const mine = opening.stream === 'control' ? talking : streams
    mine.add(socket)
    socket.once('close', () => {
      mine.delete(socket)
      // As at the other end: nobody is left who could say what becomes of them.
      if (mine === talking && talking.size === 0) endStreams(move)
    })
    carry(socket, opening, move)
  }

  function endStreams({ streams, lasting }: Expected): void {
    if (!lasting) for (const stream of streams) stream.destroy()
  }

  function carry(socket: TLSSocket, opening: Opening, move: Expected): void {
    switch (opening.stream) {
      case 'control':
        return converse(socket, opening.migration)
      case 'memory':
      case 'disks':
        splice(socket, connect({ path: move.coming.sockets[opening.stream], allowHalfOpen: true }))
        return tellSource(socket, opening, move)
      case 'file':
        return takeFile(socket, opening, move)
      default:
        return opening.stream satisfies never
    }
  }

  /** How much of a guest's memory has come, when the source asked for that. */
  function tellSource(socket: TLSSocket, { stream, taken_as }: Opening, { sessions: talking }: Expected): void {
    if (stream !== 'memory' || taken_as === undefined) return
    tellTaken(socket, bytes => {
      for (const session of talking) sayTaken(session, takenLine(taken_as, bytes))
    })
  }

  function converse(socket: TLSSocket, migration: string): void {
    const session = next_session++
    sessions.set(session, socket)
    tell({ on: 'session', session, migration })
    eachLine(socket, peerMessageBytesMax, text => tell({ on: 'heard', session, text }))
    beat(socket, beats)
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
    get lasting() {
      return [...expected.values()].reduce((sum, { lasting, streams }) => sum + (lasting ? streams.size : 0), 0)
    },
    orphaned() {
      // The agent that comes next listens on the same port, and answers for what is under way.
      server.close()
      for (const move of expected.values()) {
        endStreams(move)
        for (const session of move.sessions) session.destroy()
      }
    },
    obey(order) {
      if (order.do === 'expect') {
        const { coming } = order
        if (!expected.has(coming.migration)) {
          expected.set(coming.migration, {
            coming,
            files: {},
            streams: new Set(),
            sessions: new Set(),
            lasting: false,
          })
        }
      } else if (order.do === 'files') {
        const move = expected.get(order.migration)
        if (move !== undefined) move.files = order.files
      } else if (order.do === 'outlive') {
        const move = expected.get(order.migration)
        if (move !== undefined) move.lasting = order.lasting
      } else if (order.do === 'dismiss') {
        const move = expected.get(order.migration)
        expected.delete(order.migration)
        for (const stream of [...(move?.streams ?? []), ...(move?.sessions ?? [])]) stream.destroy()
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
