/**
 * An instance's SPICE as a UNIX socket on this machine, for a program that shows it: each connection that the program makes becomes a
 * WebSocket to the controller, with a ticket of its own. Only who owns the folder of the socket reaches it.
 */
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { once } from 'node:events'
import { createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { pipeline } from 'node:stream/promises'
import { createWebSocketStream, type WebSocket } from 'ws'
import { MalformedSpice, SpiceLink } from '../lib/spice.ts'

export interface SpiceRelayOptions {
  /** Of the program's window. */
  title: string
  /** A connection to the instance: the first of a session, or a further one of the viewer that the first is. */
  open: (viewer_id: string | null) => Promise<{ socket: WebSocket; console_id: string }>
  /** What went wrong on the way, in a sentence; or why the controller ended it. */
  said: (text: string) => void
}

export interface SpiceRelay {
  /** For remote-viewer: spice+unix://…, and a file of settings. */
  readonly url: string
  readonly file: string
  close(): Promise<void>
}

export async function serveSpice({ title, open, said }: SpiceRelayOptions): Promise<SpiceRelay> {
  // Closed to others from its beginning: whoever reaches the socket sits at the guest's keyboard.
  const folder = await mkdtemp(path.join(tmpdir(), 'croft-spice-'))
  await chmod(folder, 0o700)
  const socket_path = path.join(folder, 'spice.sock')
  const file = path.join(folder, 'console.vv')
  const sockets = new Set<Socket>()
  let viewer_id: string | null = null
  const server = createServer(socket => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
    carry(socket).catch((error: unknown) => {
      socket.destroy()
      // A program that is closed in the middle is no news.
      if (!isHangUp(error)) said(error instanceof Error ? error.message : String(error))
    })
  })
  const carry = async (socket: Socket) => {
    const { link, said: begun } = await linkOf(socket)
    const is_first = link.channel === 'main'
    const { socket: far, console_id } = await open(is_first ? null : viewer_id)
    if (is_first) viewer_id = console_id
    far.once('close', (code: number, reason: Buffer) => {
      if (is_first && code >= 4000) said(reason.toString())
    })
    const stream = createWebSocketStream(far)
    stream.write(begun)
    await Promise.all([pipeline(socket, stream), pipeline(stream, socket)])
  }
  await listen(server, socket_path)
  // The keys are remote-viewer's (remote-viewer(1), "Connection file"); a line end would begin another.
  const settings = ['[virt-viewer]', 'type=spice', `unix-path=${socket_path}`, `title=${title.replaceAll(/\s/g, ' ')}`]
  await writeFile(file, `${settings.join('\n')}\n`, { mode: 0o600 })
  return {
    url: `spice+unix://${socket_path}`,
    file,
    async close() {
      for (const socket of sockets) socket.destroy()
      server.close()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

async function listen(server: Server, socket_path: string): Promise<void> {
  server.listen(socket_path)
  await once(server, 'listening')
}

/** Which connection it is, and what came of it so far; what comes later waits. */
async function linkOf(socket: Socket): Promise<{ link: SpiceLink; said: Buffer }> {
  const link = new SpiceLink()
  for (;;) {
    const part = socket.read() as Buffer | null
    if (part === null) {
      if (socket.readableEnded || socket.destroyed) throw new HungUp()
      await Promise.race([once(socket, 'readable'), once(socket, 'close')])
      continue
    }
    const said = link.push(part)
    if (link.channel !== null) return { link, said }
  }
}

class HungUp extends Error {}

function isHangUp(error: unknown): boolean {
  if (error instanceof HungUp) return true
  if (error instanceof MalformedSpice || !(error instanceof Error) || !('code' in error)) return false
  return ['ERR_STREAM_PREMATURE_CLOSE', 'ECONNRESET', 'EPIPE'].includes(String(error.code))
}
