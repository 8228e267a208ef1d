/**
 * The agent's ways to its controllers over mutual TLS: the link, streams for bulk data, images. Only transport; what goes over
 * it is decided elsewhere.
 */
import { type IncomingMessage } from 'node:http'
import { Agent as HttpsAgent, request } from 'node:https'
import { connect, isIP, type Socket } from 'node:net'
import type { Readable } from 'node:stream'
import { connect as connectTls, createSecureContext, type SecureContext } from 'node:tls'
import WebSocket, { createWebSocketStream } from 'ws'
import { imagePath } from '../../protocol/join.ts'
import { frameBytesMax } from '../../protocol/messages.ts'
import type { Controllers } from '../controllers.ts'
import type { Identity } from '../identity.ts'
import { type BulkSocket, Failure, type LinkConnection, type LinkDialler, type LinkHandlers } from '../ports.ts'
import type { ImageSource } from './storage/image-fetch.ts'

const connectWithin_ms = 10_000
/**
 * From the first byte to an open link, its turn included: a controller takes thousands that dial at once in the order of their coming
 * (controller/agents/handshakes.ts), and who gives up has to come again. Where there are others to dial, one that says nothing is not waited for so
 * long that a lease runs out over it.
 */
const linkWithin_ms = { one_of_several: 10_000, only: 90_000 }
/** A fetch without a byte for so long has broken. */
const bodySilent_ms = 30_000
const turnAskAfter_ms = 10_000
/** On a stream where nothing passes for so long, the kernel asks whether the other end lives. */
const streamAskAfter_ms = 30_000

export interface ControllerClient extends LinkDialler {
  readonly images: ImageSource
  close(): void
}

/** Without `controllers` it dials those of the joining alone. */
export function createControllerClient(
  identity: Identity,
  controllers: Controllers = { urls: identity.link_urls, learn: () => Promise.resolve() },
  within = linkWithin_ms,
): ControllerClient {
  const tls = {
    key: identity.key_pem,
    cert: identity.certificate_pem,
    ca: identity.ca_pem,
    minVersion: 'TLSv1.3' as const,
  }
  // Read once: a link is dialled again and again.
  const secure = { ...tls, secureContext: createSecureContext(tls) }
  const https = new HttpsAgent({ ...secure, keepAlive: true, maxSockets: 8 })
  return {
    get urls() {
      return controllers.urls
    },
    learn: link_urls => controllers.learn(link_urls),
    dial: (url, handlers) => {
      const within_ms = within[controllers.urls.length > 1 ? 'one_of_several' : 'only']
      return dial(url, secure, within_ms, handlers)
    },
    stream: (url, token) => openStream(url, token, secure),
    images: { get: (image_id, offset, signal) => getImage(controllers.urls, https, image_id, offset, signal) },
    close: () => https.destroy(),
  }
}

type Tls = { key: string; cert: string; ca: string; minVersion: 'TLSv1.3'; secureContext: SecureContext }

const hostOf = ({ hostname }: URL) => hostname.replace(/^\[|\]$/g, '')

/** A connection over which nothing has been said. */
function reach(url: URL): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: hostOf(url), port: Number(url.port || 443), noDelay: true })
    // While it waits for its turn nothing passes: that the controller lost power is found out all the same.
    socket.setKeepAlive(true, turnAskAfter_ms)
    socket.setTimeout(connectWithin_ms, () => socket.destroy(new Error('no answer in time')))
    socket.once('error', reject)
    socket.once('connect', () => {
      socket.setTimeout(0)
      socket.off('error', reject)
      resolve(socket)
    })
  })
}

async function dial(url: string, tls: Tls, within_ms: number, handlers: LinkHandlers): Promise<LinkConnection> {
  const at = new URL(url)
  // First: while nobody listens, it is dialled again and again, and nothing is computed in vain for a handshake.
  const reached = await reach(at)
  const host = hostOf(at)
  // No name is sent for an address (RFC 6066, section 3); the certificate is checked for either.
  const servername = isIP(host) === 0 ? host : ''
  const createConnection = () => connectTls({ ...tls, socket: reached, host, servername })
  return await new Promise((resolve, reject) => {
    const socket = new WebSocket(url, { ...tls, createConnection, maxPayload: frameBytesMax })
    let opened = false
    let reason = ''
    // Its own limit (handshakeTimeout) never fires on a connection that somebody else has made. A controller that stands still is reached all the
    // same, by its kernel; and one that says a byte now and then is not to hold this host either.
    const timer = setTimeout(() => {
      reject(new Error('Opening handshake has timed out'))
      // At once, not in good order: a controller where it waits for its turn does not read that it hangs up, and would compute for nobody.
      reached.resetAndDestroy()
      socket.terminate()
    }, within_ms)
    socket.on('open', () => {
      clearTimeout(timer)
      opened = true
      resolve({
        send: text => socket.send(text),
        // The other side may be gone without a word: no waiting for its goodbye.
        close: () => socket.terminate(),
      })
    })
    socket.on('message', (data, isBinary) => {
      if (isBinary) socket.close(1003, 'control frames are text')
      else handlers.message((data as Buffer).toString('utf8'))
    })
    socket.on('error', error => {
      clearTimeout(timer)
      reason = error.message
      if (!opened) reject(error)
    })
    socket.on('close', (code, text) => {
      if (opened) handlers.closed(reason || text.toString('utf8') || `closed with code ${code}`)
    })
  })
}

function openStream(url: string, token: string, tls: Tls): Promise<BulkSocket> {
  return new Promise((resolve, reject) => {
    const headers = { authorization: `Bearer ${token}` }
    const socket = new WebSocket(url, { ...tls, headers, handshakeTimeout: connectWithin_ms, maxPayload: 1024 * 1024 })
    socket.once('error', reject)
    // A guest may say nothing for days: that the controller lost power is found out all the same.
    socket.once('upgrade', ({ socket: tcp }) => tcp.setKeepAlive(true, streamAskAfter_ms))
    socket.once('open', () => {
      socket.off('error', reject)
      const tell = (word: string) => {
        if (socket.readyState === socket.OPEN) socket.pong(word)
      }
      resolve(Object.assign(createWebSocketStream(socket), { tell }))
    })
  })
}

/** Asks each controller in turn until one answers. */
async function getImage(
  link_urls: readonly string[],
  agent: HttpsAgent,
  image_id: string,
  offset: number,
  signal: AbortSignal,
): Promise<{ from: number; body: Readable }> {
  let unreachable: unknown = null
  for (const link of link_urls) {
    const url = new URL(imagePath + image_id, link.replace(/^wss:/, 'https:'))
    let answer: IncomingMessage
    try {
      answer = await get(url, agent, offset, signal)
    } catch (error) {
      signal.throwIfAborted()
      unreachable = error
      continue
    }
    return readAnswer(answer, offset)
  }
  throw new Failure('No controller answers, so the image cannot be fetched; trying again.', {
    passing: true,
    cause: unreachable,
  })
}

function readAnswer(answer: IncomingMessage, offset: number): { from: number; body: Readable } {
  const status = answer.statusCode ?? 0
  const begin = /^bytes (\d+)-/.exec(answer.headers['content-range'] ?? '')?.[1]
  if (status === 206 && begin === String(offset)) return { from: offset, body: answer }
  if (status === 200) return { from: 0, body: answer }
  answer.destroy()
  if (status === 404) throw new Failure('The image is not in the controller’s store any more. Choose another one.')
  throw new Failure(`The controller answered ${status} when asked for the image.`, { passing: true })
}

function get(url: URL, agent: HttpsAgent, offset: number, signal: AbortSignal): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const headers = offset > 0 ? { range: `bytes=${offset}-` } : {}
    const asked = request(url, { agent, headers, signal, timeout: bodySilent_ms }, resolve)
    asked.on('timeout', () => asked.destroy(new Error('no answer in time')))
    asked.on('error', reject)
    asked.end()
  })
}
