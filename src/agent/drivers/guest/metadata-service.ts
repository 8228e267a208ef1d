/**
 * Answers guests who ask 169.254.169.254 about themselves, in OpenStack's and EC2's layouts. Who asks is known by the network
 * whose socket took the connection and the address it came from, which OVN lets no other port use; an unknown one gets 404.
 * Listening inside a network is the network driver's job: here is only the handler.
 */
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type net from 'node:net'
import ipaddr from 'ipaddr.js'
import type { Clock } from '../../../lib/clock.ts'
import type { WantedInstance } from '../../../protocol/wanted.ts'
import type { Log } from '../../ports.ts'
import { ec2MetaData, ec2Versions, readEc2 } from './ec2.ts'
import { openstackFiles, openstackVersions, userData } from './openstack.ts'

const urlMax = 1024
const tokenLife_s_max = 21_600
const silent_ms = 10_000
const connectionsMax = 512
/** Of these, so many for one guest: the others of its network must get through to theirs. */
const guestConnectionsMax = 32
/** Node enforces its own limits only on servers that listen themselves. Every question is answered in far less. */
const connectionLife_ms = 60_000

export interface MetadataServiceOptions {
  readonly instances: ReadonlyMap<string, WantedInstance>
  readonly clock: Clock
  readonly log: Log
}

export interface Asker {
  readonly network_id: string
  readonly address: string
}

export interface MetadataService {
  /** A server for one network, not yet listening. `askerAddress` says where a connection came from. */
  serverFor(network_id: string, askerAddress?: (request: IncomingMessage) => string | undefined): Server
  /** Answers on a socket that already listens inside the network; ends with it. */
  attach(network_id: string, listener: net.Server): void
}

interface Answer {
  readonly status: number
  readonly body: Buffer | string
  readonly type?: string
  readonly headers?: Readonly<Record<string, string>>
}

export function createMetadataService(options: MetadataServiceOptions): MetadataService {
  const tokens = createTokens(options.clock)
  return {
    attach(network_id, listener) {
      const server = this.serverFor(network_id)
      const open = new Map<string, number>()
      const count = (address: string, change: number) => {
        const now = (open.get(address) ?? 0) + change
        if (now > 0) open.set(address, now)
        else open.delete(address)
        return now
      }
      listener.maxConnections = connectionsMax
      listener.on('connection', socket => {
        const address = socket.remoteAddress ?? ''
        const end = () => void socket.destroy()
        const timer = options.clock.after(connectionLife_ms, end)
        socket.once('close', () => {
          timer.cancel()
          count(address, -1)
        })
        if (count(address, 1) > guestConnectionsMax) end()
        else server.emit('connection', socket)
      })
    },
    serverFor(network_id, askerAddress = request => request.socket.remoteAddress) {
      const server = createServer({ maxHeaderSize: 8192, requestTimeout: silent_ms }, (request, response) => {
        request.resume()
        const address = askerAddress(request) ?? ''
        let answer: Answer
        try {
          answer = answerGuest(request, { network_id, address }, options.instances, tokens)
        } catch (error) {
          options.log.error({ error, network_id }, 'a guest’s question could not be answered')
          answer = { status: 500, body: 'error\n' }
        }
        send(request, response, answer)
      })
      server.maxConnections = connectionsMax
      server.headersTimeout = silent_ms
      server.keepAliveTimeout = 2000
      return server
    },
  }
}

/** The one instance with this address on this network; null when there is none, or when the wanted set names two. */
export function findAsker(instances: Iterable<WantedInstance>, asker: Asker): WantedInstance | null {
  const wanted = canonical(asker.address)
  if (wanted === null) return null
  let found: WantedInstance | null = null
  for (const instance of instances) {
    if (instance.power === 'deleted' || instance.power === 'purged') continue
    const is = instance.ports.some(
      port => port.network_id === asker.network_id && port.addresses.some(each => canonical(each.address) === wanted),
    )
    if (!is) continue
    if (found !== null) return null
    found = instance
  }
  return found
}

function canonical(address: string): string | null {
  const bare = address.replace(/%.*$/, '')
  return ipaddr.isValid(bare) ? ipaddr.process(bare).toNormalizedString() : null
}

const notFound: Answer = { status: 404, body: '404 - Not Found\n' }

function answerGuest(
  request: IncomingMessage,
  asker: Asker,
  instances: ReadonlyMap<string, WantedInstance>,
  tokens: Tokens,
): Answer {
  const url = request.url ?? '/'
  if (url.length > urlMax) return { status: 414, body: 'too long\n' }
  // Somebody's proxy inside the guest asks for somebody else: its secrets are not for them.
  if (request.headers['x-forwarded-for'] !== undefined) return { status: 403, body: 'proxied requests are refused\n' }
  const instance = findAsker(instances.values(), asker)
  if (instance === null) return notFound
  const path = splitPath(url)
  if (path === null) return { status: 400, body: 'bad path\n' }
  if (path[1] === 'api' && path[2] === 'token' && path.length === 3) return giveToken(request, instance, tokens)
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    return { status: 405, body: 'only GET\n', headers: { allow: 'GET, HEAD' } }
  }
  const token = request.headers['x-aws-ec2-metadata-token']
  if (typeof token === 'string' && !tokens.check(token, instance.id)) return { status: 401, body: 'bad token\n' }
  return readPath(instance, path)
}

function splitPath(url: string): string[] | null {
  try {
    return decodeURIComponent(url.split('?', 1)[0] ?? '')
      .split('/')
      .filter(part => part !== '')
  } catch {
    return null
  }
}

/** EC2's second version of the service: a token by PUT, then given with each question. */
function giveToken(request: IncomingMessage, instance: WantedInstance, tokens: Tokens): Answer {
  if (request.method !== 'PUT') return { status: 405, body: 'only PUT\n', headers: { allow: 'PUT' } }
  const header = 'x-aws-ec2-metadata-token-ttl-seconds'
  const life_s = Number(request.headers[header])
  if (!Number.isInteger(life_s) || life_s < 1 || life_s > tokenLife_s_max) {
    return { status: 400, body: `${header}: 1 to ${tokenLife_s_max}\n` }
  }
  return { status: 200, body: tokens.make(instance.id, life_s), headers: { [header]: String(life_s) } }
}

function readPath(instance: WantedInstance, path: readonly string[]): Answer {
  const [first, ...rest] = path
  if (first === undefined) return { status: 200, body: [...ec2Versions, 'openstack/'].join('\n') }
  if (first === 'openstack') return readOpenstack(instance, rest)
  if (!(ec2Versions as readonly string[]).includes(first)) return notFound
  if (rest[0] === undefined) {
    return { status: 200, body: userData(instance) === null ? 'meta-data/' : 'meta-data/\nuser-data' }
  }
  if (rest[0] === 'user-data' && rest.length === 1) {
    const body = userData(instance)
    return body === null ? notFound : { status: 200, body, type: 'application/octet-stream' }
  }
  if (rest[0] !== 'meta-data') return notFound
  const names = instance.metadata.public_keys.map(key => key.name)
  const text = readEc2(ec2MetaData(instance), rest.slice(1), names)
  return text === null ? notFound : { status: 200, body: text }
}

function readOpenstack(instance: WantedInstance, path: readonly string[]): Answer {
  const [version, name, ...more] = path
  if (version === undefined) return { status: 200, body: openstackVersions.join('\n') }
  if (!(openstackVersions as readonly string[]).includes(version) || more.length > 0) return notFound
  const files = openstackFiles(instance)
  if (name === undefined) return { status: 200, body: [...files.keys()].join('\n') }
  const body = files.get(name)
  if (body === undefined) return notFound
  return { status: 200, body, type: name.endsWith('.json') ? 'application/json' : 'application/octet-stream' }
}

function send(request: IncomingMessage, response: ServerResponse, answer: Answer): void {
  const body = typeof answer.body === 'string' ? Buffer.from(answer.body) : answer.body
  response.writeHead(answer.status, {
    'content-type': answer.type ?? 'text/plain; charset=utf-8',
    'content-length': body.length,
    'cache-control': 'no-store',
    ...answer.headers,
  })
  response.end(request.method === 'HEAD' ? undefined : body)
}

interface Tokens {
  make(instance_id: string, life_s: number): string
  check(token: string, instance_id: string): boolean
}

/** Tokens say until when, by the steady clock, and are signed for one instance, so that none needs to be remembered. */
function createTokens(clock: Clock): Tokens {
  const key = randomBytes(32)
  const sign = (until_ms: string, instance_id: string) =>
    createHmac('sha256', key).update(`${until_ms}.${instance_id}`).digest('base64url')
  return {
    make(instance_id, life_s) {
      const until_ms = String(clock.steady_ms() + life_s * 1000)
      return `${until_ms}.${sign(until_ms, instance_id)}`
    },
    check(token, instance_id) {
      const [until_ms = '', signature = ''] = token.split('.', 2)
      const right = Buffer.from(sign(until_ms, instance_id))
      const given = Buffer.from(signature)
      return given.length === right.length && timingSafeEqual(given, right) && Number(until_ms) > clock.steady_ms()
    },
  }
}
