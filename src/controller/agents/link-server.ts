/**
 * Where agents dial in: HTTPS with Croft's own CA. Joining needs a token, or an operator's yes; all else a certificate that this CA
 * signed and that is the host's current one. Serves the link, the streams, and image contents.
 */
import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import type { TLSSocket } from 'node:tls'
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import { Compile } from 'typebox/compile'
import { type WebSocket, WebSocketServer } from 'ws'
import { CloudError } from '../../model/errors.ts'
import { isUuid } from '../../model/ids.ts'
import {
  joinPath,
  JoinRequest,
  leavePath,
  registerPath,
  type RegisterReply,
  RegisterRequest,
} from '../../protocol/join.ts'
import { frameBytesMax } from '../../protocol/messages.ts'
import { addressKey } from '../app/address-key.ts'
import { isJoined, type Joined, type Machine } from '../app/host-certificate.ts'
import { joinHost, registerHost } from '../app/host-join.ts'
import { leaveHost } from '../app/host-leave.ts'
import { imageContent } from '../app/image-content.ts'
import type { Cloud } from '../cloud.ts'
import { problem, toCloudError } from '../http/problem.ts'
import { type Rate, RateLimiter } from '../http/rate-limit.ts'
import { host } from '../store/host.ts'

export interface LinkServerOptions {
  tls: { key: string; cert: string; ca: string }
  /** How often one address may ask to join or to leave; as the setting says unless given. */
  rate?: Rate
}

const checkJoin = Compile(JoinRequest)
const checkRegister = Compile(RegisterRequest)

/** A rack that is set up at once behind one address; and few enough that checking signatures costs a controller nothing. */
const joins_at_once = 40

/** Followed as the setting changes. */
function joinRate({ settings }: Pick<Cloud, 'settings'>): Rate {
  return {
    get per_s() {
      return settings.get('host.joins_per_s')
    },
    get burst() {
      return settings.get('host.joins_per_s') * joins_at_once
    },
  }
}

/** Builds the server; it does not listen yet. */
export function buildLinkServer(cloud: Cloud, options: LinkServerOptions): FastifyInstance {
  const { key, cert, ca } = options.tls
  const https = { key, cert, ca, requestCert: true, rejectUnauthorized: false, minVersion: 'TLSv1.3' as const }
  const server = Fastify({ https, bodyLimit: 64 * 1024, forceCloseConnections: true }) as unknown as FastifyInstance
  server.setErrorHandler(async (error, request, reply) => {
    const cloudError = toCloudError(error, request.id)
    if (cloudError.status >= 500) cloud.log.error({ err: error }, 'an agent was answered with an error')
    await reply.status(cloudError.status).type('application/problem+json').send(problem(cloudError, request.id))
  })
  serveJoining(cloud, server, new RateLimiter(cloud.clock, options.rate ?? joinRate(cloud)))
  server.get<{ Params: { image: string } }>('/agent/v1/images/:image', (request, reply) =>
    sendImage(cloud, request, reply),
  )
  const sockets = new WebSocketServer({ noServer: true, maxPayload: frameBytesMax })
  // Upgraded sockets are no longer the server's: without this it would wait for them for ever as it closes.
  server.addHook('preClose', async () => {
    for (const socket of sockets.clients) endSocket(cloud, socket, 1001, 'the controller stops')
  })
  server.server.on('upgrade', (request, socket, head) => {
    // And an error on one that nobody listens to would end the whole process.
    socket.on('error', error => cloud.log.debug({ err: error }, 'an agent hung up'))
    upgrade(cloud, sockets, request, socket, head).catch(error => {
      cloud.log.warn({ err: error }, 'an agent could not be let in')
      refuse(socket, '503 Service Unavailable')
    })
  })
  return server
}

/** Whoever asks here has shown nothing yet: each address may ask so often, and what it sends is bounded by shape. */
function serveJoining(cloud: Cloud, server: FastifyInstance, limiter: RateLimiter): void {
  const admit = (request: FastifyRequest, reply: FastifyReply) => limiter.admit(addressKey(request.ip), reply)
  const machineOf = async (request: FastifyRequest, body: JoinRequest | RegisterRequest): Promise<Machine> => {
    const { csr_pem, facts_summary, found = {} } = body
    const proven_host_id = (await hostOf(cloud, request.raw.socket))?.id ?? null
    return { csr_pem, found, ...facts_summary, address: request.ip, proven_host_id }
  }
  const tell = (reply: FastifyReply, answer: Joined | RegisterReply) =>
    reply.status(isJoined(answer) ? 200 : 202).send(answer)
  server.post(joinPath, async (request, reply) => {
    admit(request, reply)
    const { body } = request
    if (!checkJoin.Check(body))
      throw new CloudError('invalid', 'Joining takes a token, a signing request, host name and machine id.')
    const { token, waits = false } = body
    await tell(reply, await joinHost(cloud, { ...(await machineOf(request, body)), token, waits }))
  })
  server.post(registerPath, async (request, reply) => {
    admit(request, reply)
    const { body } = request
    if (!checkRegister.Check(body))
      throw new CloudError('invalid', 'Registering takes a signing request, host name and machine id.')
    const gone = new AbortController()
    request.raw.socket.once('close', () => gone.abort())
    await tell(reply, await registerHost(cloud, await machineOf(request, body), body.wait_s ?? 0, gone.signal))
  })
  server.post(leavePath, async (request, reply) => {
    admit(request, reply)
    const known = await hostOf(cloud, request.raw.socket)
    if (!known)
      throw new CloudError('not_signed_in', 'Only hosts of this cloud leave it; this one is none, or none any more.')
    await leaveHost(cloud, known.id)
    await reply.status(204).send()
  })
}

/** The host whose current certificate this connection has shown, or null. */
async function hostOf(cloud: Cloud, socket: Duplex): Promise<{ id: string; name: string } | null> {
  const tls = socket as TLSSocket
  if (!tls.authorized) return null
  const { fingerprint256 } = tls.getPeerCertificate()
  if (!fingerprint256) return null
  return await host.byCertificate(cloud.database.db, Buffer.from(fingerprint256.replaceAll(':', ''), 'hex'))
}

async function upgrade(
  cloud: Cloud,
  sockets: WebSocketServer,
  request: IncomingMessage,
  socket: Duplex,
  head: Buffer,
): Promise<void> {
  const known = await hostOf(cloud, socket)
  if (!known) return refuse(socket, '401 Unauthorized')
  const token = /^\/agent\/v1\/streams\/([A-Za-z0-9_-]{43})$/.exec(request.url ?? '')?.[1]
  if (!token && request.url !== '/agent/v1/link') return refuse(socket, '404 Not Found')
  // A followed log may be silent for days: that its host lost power is found out all the same.
  request.socket.setKeepAlive(true, stream_ask_after_ms)
  sockets.handleUpgrade(request, socket, head, opened => {
    if (!token) carryLink(cloud, known, opened)
    else if (!cloud.streams.arrive(known.id, token, opened)) opened.close(4404, 'nobody waits for this')
  })
}

function refuse(socket: Duplex, status: string): void {
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`)
}

/** On a socket where nothing passes for so long, the kernel asks whether the other end lives. */
const stream_ask_after_ms = 30_000

/** WebSocket close reasons have at most 123 bytes (RFC 6455, section 5.5). */
const reason_bytes_max = 120

/** How long the other end may take to say goodbye; a dead one never does, and its host counts as linked until it is gone. */
const goodbye_ms = 1000

function endSocket(cloud: Cloud, socket: WebSocket, code: number, reason: string): void {
  socket.close(
    code,
    Buffer.from(reason)
      .subarray(0, reason_bytes_max)
      .toString()
      .replace(/\ufffd+$/, ''),
  )
  cloud.clock.after(goodbye_ms, () => socket.terminate())
}

/** What an agent may leave unread: more than the whole wanted set of a large host. */
const unread_bytes_max = 2 * frameBytesMax
/** Frames of an agent that wait for their turn; until there are fewer, no more are read from its socket. */
const waiting_frames_max = 32

function carryLink(cloud: Cloud, known: { id: string; name: string }, socket: WebSocket): void {
  const session = cloud.agents.accept(known.id, {
    send: frame => {
      if (socket.bufferedAmount <= unread_bytes_max) return socket.send(JSON.stringify(frame))
      cloud.log.warn({ host: known.name }, 'a host does not read what it is told; its link ends')
      socket.terminate()
    },
    close: reason => endSocket(cloud, socket, 4000, reason),
  })
  cloud.log.info({ host: known.name }, 'a host has dialled in')
  let waiting = 0
  socket.on('message', data => {
    if (++waiting === waiting_frames_max) socket.pause()
    // With binaryType 'nodebuffer', the default, a message is one Buffer.
    void session.receive((data as Buffer).toString()).then(() => {
      if (waiting-- === waiting_frames_max) socket.resume()
    })
  })
  socket.on('error', error => cloud.log.warn({ err: error, host: known.name }, "a host's link failed"))
  socket.once('close', () => {
    cloud.agents.closed(session).catch(error => cloud.log.error({ err: error }, 'the end of a link was not written'))
  })
}

/** Image contents for hosts, whole or from a byte on (RFC 9110 ranges of one part), so that a broken transfer goes on. */
async function sendImage(
  cloud: Cloud,
  request: FastifyRequest<{ Params: { image: string } }>,
  reply: FastifyReply,
): Promise<void> {
  const { image } = request.params
  const known = await hostOf(cloud, request.raw.socket)
  if (!known) throw new CloudError('not_signed_in', 'Only hosts of this cloud read images here.')
  const isNeeded = isUuid(image) && (await host.needsImage(cloud.database.db, known.id, image))
  const content = isNeeded ? await imageContent(cloud, image) : null
  if (!content) throw new CloudError('not_found', `There is no image ${image}.`)
  const { size } = await stat(content.path)
  const range = /^bytes=(\d{1,15})-(\d{0,15})$/.exec(request.headers.range ?? '')
  const start = range ? Number(range[1]) : 0
  const end = range?.[2] ? Math.min(Number(range[2]), size - 1) : size - 1
  if (start > end) return await reply.status(416).header('content-range', `bytes */${size}`).send()
  reply
    .header('accept-ranges', 'bytes')
    .header('etag', `"${content.sha256}"`)
    .header('content-length', end - start + 1)
  if (range) reply.status(206).header('content-range', `bytes ${start}-${end}/${size}`)
  await reply.type('application/octet-stream').send(createReadStream(content.path, { start, end }))
}
