/**
 * Where agents dial in: HTTPS with Croft's own CA. Joining needs a token, or an operator's yes; all else a certificate that this CA
 * signed and that is the host's current one. Serves the link, the streams, and image contents.
 */
import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import type { TLSSocket } from 'node:tls'
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import { Compile } from 'typebox/compile'
import { type WebSocket, WebSocketServer } from 'ws'
import { CloudError } from '../../model/errors.ts'
import { Together } from '../../lib/together.ts'
import {
  joinPath,
  JoinRequest,
  leavePath,
  linkPath,
  registerPath,
  type RegisterReply,
  RegisterRequest,
} from '../../protocol/join.ts'
import { hardwarePath, HardwareRequest, LeaveRequest } from '../../protocol/hardware-id.ts'
import { frameBytesMax } from '../../protocol/messages.ts'
import { addressKey } from '../app/address-key.ts'
import { isJoined, type Joined, type Machine } from '../app/host-certificate.ts'
import { askHardware, mustBeItself } from '../app/host-identity.ts'
import { joinHost, registerHost } from '../app/host-join.ts'
import { leaveHost } from '../app/host-leave.ts'
import type { Cloud } from '../cloud.ts'
import { handshakeLimits, type Handshakes, holdBackHandshakes, waits_alone_ms_max } from './handshakes.ts'
import { LinkBudget } from './link-budget.ts'
import { sendImage } from './link-images.ts'
import { problem, toCloudError } from '../http/problem.ts'
import { type Rate, RateLimiter } from '../http/rate-limit.ts'
import { host } from '../store/host.ts'

export interface LinkServerOptions {
  tls: { key: string; cert: string; ca: string }
  /** How often one address may ask to join or to leave; as the setting says unless given. */
  rate?: Rate
  /** How many dial in at once; handshakeLimits unless given. */
  limits?: Partial<typeof handshakeLimits>
}

const checkJoin = Compile(JoinRequest)
const checkRegister = Compile(RegisterRequest)
const checkHardware = Compile(HardwareRequest)
const checkLeave = Compile(LeaveRequest)

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
  const https = {
    ...{ key, cert, ca, requestCert: true, rejectUnauthorized: false, minVersion: 'TLSv1.3' as const },
    // Of a list (ALPNProtocols, which has this very one unless told otherwise) Node keeps a copy for each connection, a few bytes
    // of 64 KiB that all stay while one of them does: 19 kB for each link.
    ALPNCallback: ({ protocols }: { protocols: string[] }) => protocols.find(one => one === 'http/1.1'),
  }
  const server = Fastify({ https, bodyLimit: 64 * 1024, forceCloseConnections: true }) as unknown as FastifyInstance
  server.setErrorHandler(async (error, request, reply) => {
    const cloudError = toCloudError(error, request.id)
    if (cloudError.status >= 500) cloud.log.error({ err: error }, 'an agent was answered with an error')
    await reply.status(cloudError.status).type('application/problem+json').send(problem(cloudError, request.id))
  })
  serveJoining(cloud, server, new RateLimiter(cloud.clock, options.rate ?? joinRate(cloud)))
  server.get<{ Params: { image: string } }>('/agent/v1/images/:image', (request, reply) =>
    hostOf(cloud, request.raw.socket).then(known => sendImage(cloud, known, request, reply)),
  )
  const handshakes = holdBackHandshakes(server.server, cloud.clock, {
    ...handshakeLimits,
    ...options.limits,
    get waits_ms_max() {
      return cloud.agents.isAlone ? waits_alone_ms_max : handshakeLimits.waits_ms_max
    },
  })
  const sockets = new WebSocketServer({ noServer: true, maxPayload: frameBytesMax })
  const dials = new RateLimiter(cloud.clock, dial_rate)
  // Upgraded sockets are no longer the server's: without this it would wait for them for ever as it closes.
  server.addHook('preClose', async () => {
    handshakes.sendAway()
    for (const socket of sockets.clients) endSocket(cloud, socket, 1001, 'the controller stops')
  })
  server.server.on('upgrade', (request, socket, head) => {
    // And an error on one that nobody listens to would end the whole process.
    socket.on('error', error => cloud.log.debug({ err: error }, 'an agent hung up'))
    upgrade(cloud, { sockets, dials, handshakes }, request, socket, head).catch(error => {
      cloud.log.warn({ err: error }, 'an agent could not be let in')
      handshakes.began(request.socket)
      refuse(cloud, socket, '503 Service Unavailable')
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
    const { hostname, machine_id, hardware = null } = facts_summary
    return { csr_pem, found, hostname, machine_id, hardware, address: request.ip, proven_host_id }
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
    await tell(reply, await registerHost(cloud, await machineOf(request, body), body.wait_s ?? 0, goneOf(request)))
  })
  server.post(hardwarePath, async (request, reply) => {
    admit(request, reply)
    const { body } = request
    const known = await hostOf(cloud, request.raw.socket)
    if (!known) throw new CloudError('not_signed_in', 'Only who has the certificate of a host asks whether it is that.')
    if (!checkHardware.Check(body)) throw new CloudError('invalid', 'It takes what the machine is known by.')
    const { hardware, wait_s = 0 } = body
    const asked = { hardware, address: addressOf(request.raw), wait_s, gone: goneOf(request) }
    await reply.send(await askHardware(cloud, known.id, asked))
  })
  server.post(leavePath, async (request, reply) => {
    admit(request, reply)
    const known = await hostOf(cloud, request.raw.socket)
    if (!known)
      throw new CloudError('not_signed_in', 'Only hosts of this cloud leave it; this one is none, or none any more.')
    await mustBeItself(cloud.database, known.id, checkLeave.Check(request.body) ? request.body.hardware : undefined)
    await leaveHost(cloud, known.id)
    await reply.status(204).send()
  })
}

/** Whether whoever asks still listens. */
function goneOf(request: FastifyRequest): AbortSignal {
  const gone = new AbortController()
  request.raw.socket.once('close', () => gone.abort())
  return gone.signal
}

/** Who dials in at the same moment is looked for together: all do when a controller was lost. */
const lookups = new WeakMap<Cloud['database'], Together<string, KnownHost | null>>()

interface KnownHost {
  id: string
  name: string
}

function lookupOf({ database }: Cloud): Together<string, KnownHost | null> {
  const lookup =
    lookups.get(database) ??
    new Together(async (sha256s: readonly string[]) => {
      const found = await host.byCertificates(database.db, sha256s)
      return sha256s.map(sha256 => found.get(sha256) ?? null)
    })
  lookups.set(database, lookup)
  return lookup
}

/** The host whose current certificate this connection has shown, or null. */
async function hostOf(cloud: Cloud, socket: Duplex): Promise<KnownHost | null> {
  const tls = socket as TLSSocket
  if (!tls.authorized) return null
  // Not getPeerCertificate, which spells out all of the certificate: a tenth of what a whole handshake costs.
  const fingerprint256 = tls.getPeerX509Certificate()?.fingerprint256
  if (fingerprint256 === undefined) return null
  return await lookupOf(cloud).ask(fingerprint256.replaceAll(':', '').toLowerCase())
}

async function upgrade(
  cloud: Cloud,
  { sockets, dials, handshakes }: { sockets: WebSocketServer; dials: RateLimiter; handshakes: Handshakes },
  request: IncomingMessage,
  socket: Duplex,
  head: Buffer,
): Promise<void> {
  if (request.url === linkPath && (request.socket as TLSSocket).authorized) handshakes.isLink(request.socket)
  else handshakes.began(request.socket)
  const turnAway = (status: string) => {
    handshakes.began(request.socket)
    refuse(cloud, socket, status)
  }
  const known = await hostOf(cloud, socket)
  if (!known) return turnAway('401 Unauthorized')
  const token = /^\/agent\/v1\/streams\/([A-Za-z0-9_-]{43})$/.exec(request.url ?? '')?.[1]
  if (!token && request.url !== linkPath) return turnAway('404 Not Found')
  if (!token && !dials.takes(known.id)) return turnAway('429 Too Many Requests')
  // A followed log may be silent for days: that its host lost power is found out all the same.
  request.socket.setKeepAlive(true, stream_ask_after_ms)
  sockets.handleUpgrade(request, socket, head, opened => {
    if (!token)
      carryLink(cloud, known, opened, { address: addressOf(request), began: () => handshakes.began(request.socket) })
    else if (!cloud.streams.arrive(known.id, token, opened)) opened.close(4404, 'nobody waits for this')
  })
}

/** Each link that begins is written; agents wait ever longer between their attempts. */
const dial_rate = { per_s: 1, burst: 60 }

/** As the kernel has it; an IPv4 one as such. */
function addressOf({ socket }: IncomingMessage): string {
  return (socket.remoteAddress ?? '').replace(/^::ffff:(?=\d+\.)/i, '')
}

/** One that does not hang up itself is ended: upgraded sockets know no other limit. */
function refuse({ clock }: Cloud, socket: Duplex, status: string): void {
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`)
  clock.after(goodbye_ms, () => socket.destroy())
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

/** `began`: to be called once its host has been told what is wanted of it. */
function carryLink(
  cloud: Cloud,
  known: KnownHost,
  socket: WebSocket,
  { address, began }: { address: string; began: () => void },
): void {
  const session = cloud.agents.accept(known.id, {
    address,
    send: frame => {
      if (frame.type === 'wanted' && frame.whole) began()
      if (socket.bufferedAmount <= unread_bytes_max) return socket.send(JSON.stringify(frame))
      cloud.log.warn({ host: known.name }, 'a host does not read what it is told; its link ends')
      socket.terminate()
    },
    close: reason => endSocket(cloud, socket, 4000, reason),
  })
  cloud.log.info({ host: known.name }, 'a host has dialled in')
  const budget = new LinkBudget(cloud.clock)
  let waiting = 0
  let is_over = false
  // Again when neither keeps it: frames that wait for their turn, a host that has said more than its share.
  const follow = () => (waiting >= waiting_frames_max || is_over ? socket.pause() : socket.resume())
  socket.on('message', data => {
    // With binaryType 'nodebuffer', the default, a message is one Buffer.
    const frame = data as Buffer
    waiting++
    const wait_ms = budget.spend_ms(frame.length)
    if (wait_ms > 0 && !is_over) {
      is_over = true
      cloud.log.warn({ host: known.name, wait_ms }, 'a host says more than its share; it is read more slowly')
      cloud.clock.after(wait_ms, () => {
        is_over = false
        follow()
      })
    }
    follow()
    void session.receive(frame.toString()).then(() => {
      waiting--
      follow()
    })
  })
  socket.on('error', error => cloud.log.warn({ err: error, host: known.name }, "a host's link failed"))
  socket.once('close', () => {
    cloud.agents.closed(session).catch(error => cloud.log.error({ err: error }, 'the end of a link was not written'))
  })
}
