/**
 * The source's end of the relay: one move. Dials the other host's agent, and carries there what libvirt's processes send into the
 * sockets here, and the files of a guest that is off.
 */
import { chown } from 'node:fs/promises'
import { createServer, type Server, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { connect, type TLSSocket } from 'node:tls'
import { type Opening, type PeerStream, peerMessageBytesMax } from '../../protocol/peer-opening.ts'
import { sendFile } from './file-stream.ts'
import { beat, type Beats, eachLine } from './lines.ts'
import type { RelayEnd } from './relay-main.ts'
import type { RelayOrder, RelayWord } from './relay-words.ts'
import { splice } from './splice.ts'
import { nameOf, peerTlsOptions } from './tls.ts'
import { heldBy, parseTaken, Window } from './window.ts'

const connectWithin_ms = 10_000
/** A stream on which nothing passes: the kernel asks whether the other end lives. */
const askAfter_ms = 5_000
const fileBytesEvery_ms = 500
const control = 1

export function createDialler(
  order: Extract<RelayOrder, { do: 'dial' }>,
  tell: (word: RelayWord) => void,
  beats?: Beats,
): RelayEnd {
  const { coming, host, port, tls } = order
  /** Connections to the other host, the session apart. */
  const streams = new Set<Duplex>()
  const servers: Server[] = []
  /** Of connections that carry memory, by the number under which the other end tells what it has taken. */
  const windows = new Map<number, Window>()
  let next_window = 1
  let session: TLSSocket | null = null
  let lasting = false
  let over = false

  /**
   * The session tells first that the other host is gone. What waits in a stream for a host that is cut off would wait on, for a quarter of
   * an hour and more (tcp_retries2), and libvirt with it; a stream that breaks ends the move at once, and the guest goes on here. Only when
   * its memory is in both places the streams are all that there is, and stay for as long as the kernel tries.
   */
  function endStreams(): void {
    over = true
    for (const window of windows.values()) window.open()
    if (!lasting) for (const stream of streams) stream.destroy()
  }

  async function dial(stream: PeerStream, more: Pick<Opening, 'volume_id' | 'taken_as'> = {}): Promise<TLSSocket> {
    if (over && !lasting) throw new Error('the other host is gone')
    const socket = connect({ ...peerTlsOptions(tls), host, port, checkServerIdentity: () => undefined })
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const timer = setTimeout(() => socket.destroy(new Error('no answer in time')), connectWithin_ms)
    socket.on('error', reject)
    socket.once('close', () => reject(new Error('the connection was closed')))
    socket.once('secureConnect', resolve)
    if (stream !== 'control') {
      streams.add(socket)
      socket.once('close', () => streams.delete(socket))
    }
    try {
      await promise
    } finally {
      clearTimeout(timer)
    }
    if (nameOf(socket, tls.ca, Date.now()) !== coming.peer_host_id) {
      socket.destroy()
      throw new Error('whoever answers there is not the host that the instance is to move to')
    }
    socket.setKeepAlive(true, askAfter_ms)
    socket.setNoDelay(true)
    const opening: Opening = { migration: coming.migration, secret: coming.secret, stream, ...more }
    socket.write(`${JSON.stringify(opening)}\n`)
    return socket
  }

  async function converse(): Promise<void> {
    await Promise.all([listen('memory'), listen('disks')])
    session = await dial('control')
    let reason: string | null = null
    session.on('error', error => (reason = error.message))
    eachLine(session, peerMessageBytesMax, text => {
      const taken = parseTaken(text)
      if (taken === null) tell({ on: 'heard', session: control, text })
      else windows.get(taken.number)?.taken(taken.bytes, performance.now())
    })
    beat(session, beats)
    session.once('close', () => {
      endStreams()
      tell({ on: 'closed', session: control, reason })
    })
    tell({ on: 'session', session: control, migration: coming.migration })
  }

  /** libvirt and QEMU dial these as if the target's process were behind them. */
  async function listen(stream: 'memory' | 'disks'): Promise<void> {
    const path = coming.sockets[stream]
    const server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, local => {
      local.on('error', () => local.destroy())
      carry(local, stream).catch(() => local.destroy())
    })
    servers.push(server)
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(path, resolve)
    })
    await chown(path, order.owner.uid, order.owner.gid)
  }

  async function carry(local: Socket, stream: 'memory' | 'disks'): Promise<void> {
    if (stream === 'disks') return splice(local, await dial(stream))
    const number = next_window++
    const window = new Window()
    windows.set(number, window)
    // Nobody tells without a session.
    if (over) window.open()
    try {
      const socket = await dial(stream, { taken_as: number })
      socket.once('close', () => windows.delete(number))
      splice(local, socket, heldBy(window))
    } catch (error) {
      windows.delete(number)
      throw error
    }
  }

  async function file({ volume_id, path, rate_max }: Extract<RelayOrder, { do: 'send_file' }>): Promise<void> {
    const socket = await dial('file', { volume_id })
    let told_ms = 0
    const show = (bytes: number) => {
      const now_ms = performance.now()
      if (now_ms - told_ms < fileBytesEvery_ms) return
      told_ms = now_ms
      tell({ on: 'file_bytes', volume_id, bytes })
    }
    await sendFile(socket, { path, rate_max, show })
    socket.end()
  }

  converse().catch((error: Error) => tell({ on: 'failed', reason: error.message }))

  return {
    get lasting() {
      return lasting ? streams.size : 0
    },
    orphaned() {
      for (const server of servers) server.close()
      session?.destroy()
      endStreams()
    },
    obey(given) {
      if (given.do === 'say') session?.write(`${given.text}\n`)
      else if (given.do === 'hang_up') session?.end()
      else if (given.do === 'outlive') lasting = given.lasting
      else if (given.do === 'send_file') {
        const { volume_id } = given
        const tellEnd = (error: string | null) => tell({ on: 'file', migration: coming.migration, volume_id, error })
        file(given).then(
          () => tellEnd(null),
          (error: Error) => tellEnd(error.name === 'AbortError' ? 'the connection was closed' : error.message),
        )
      } else return false
      return true
    },
  }
}
