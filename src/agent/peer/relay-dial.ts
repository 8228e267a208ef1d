/**
 * The source's end of the relay: one move. Dials the other host's agent, and carries there what libvirt's processes send into the
 * sockets here, and the files of a guest that is off.
 */
import { chown } from 'node:fs/promises'
import { createServer, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { connect, type TLSSocket } from 'node:tls'
import { type Opening, type PeerStream, peerMessageBytesMax } from '../../protocol/peer.ts'
import { sendFile } from './file-stream.ts'
import { beat, eachLine } from './lines.ts'
import type { RelayEnd } from './relay-main.ts'
import type { RelayOrder, RelayWord } from './relay-words.ts'
import { splice } from './splice.ts'
import { nameOf, peerTlsOptions } from './tls.ts'

const connectWithin_ms = 10_000
/** A host that lost its power says nothing: what is sent to it and not taken is given up by the kernel after this long. */
const askAfter_ms = 5_000
const fileBytesEvery_ms = 500
const control = 1

export function createDialler(order: Extract<RelayOrder, { do: 'dial' }>, tell: (word: RelayWord) => void): RelayEnd {
  const { coming, host, port, tls } = order
  const open = new Set<Duplex>()
  let session: TLSSocket | null = null

  async function dial(stream: PeerStream, volume_id?: string): Promise<TLSSocket> {
    const socket = connect({ ...peerTlsOptions(tls), host, port, checkServerIdentity: () => undefined })
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const timer = setTimeout(() => socket.destroy(new Error('no answer in time')), connectWithin_ms)
    socket.on('error', reject)
    socket.once('close', () => reject(new Error('the connection was closed')))
    socket.once('secureConnect', resolve)
    open.add(socket)
    socket.once('close', () => open.delete(socket))
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
    const opening: Opening = { migration: coming.migration, secret: coming.secret, stream }
    socket.write(`${JSON.stringify(volume_id === undefined ? opening : { ...opening, volume_id })}\n`)
    return socket
  }

  async function converse(): Promise<void> {
    await Promise.all([listen('memory'), listen('disks')])
    session = await dial('control')
    let reason: string | null = null
    session.on('error', error => (reason = error.message))
    eachLine(session, peerMessageBytesMax, text => tell({ on: 'heard', session: control, text }))
    beat(session)
    session.once('close', () => tell({ on: 'closed', session: control, reason }))
    tell({ on: 'session', session: control, migration: coming.migration })
  }

  /** libvirt and QEMU dial these as if the target's process were behind them. */
  async function listen(stream: 'memory' | 'disks'): Promise<void> {
    const path = coming.sockets[stream]
    const server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, local => {
      local.on('error', () => local.destroy())
      carry(local, stream).catch(() => local.destroy())
    })
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(path, resolve)
    })
    await chown(path, order.owner.uid, order.owner.gid)
  }

  async function carry(local: Socket, stream: 'memory' | 'disks'): Promise<void> {
    const socket = await dial(stream)
    splice(local, socket)
  }

  async function file({ volume_id, path, rate_max }: Extract<RelayOrder, { do: 'send_file' }>): Promise<void> {
    const socket = await dial('file', volume_id)
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
    get streams() {
      return [...open].filter(each => each !== session).length
    },
    obey(given) {
      if (given.do === 'say') session?.write(`${given.text}\n`)
      else if (given.do === 'hang_up') session?.end()
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
