/**
 * A controller in small, for tests of a whole agent: certificate authority, joining, link, images and streams, over real TLS. It
 * speaks the protocol and keeps what it is told; it decides nothing.
 */
import 'reflect-metadata'
import { createHash, randomBytes, randomUUID, webcrypto } from 'node:crypto'
import { EventEmitter, once } from 'node:events'
import { createServer, type Server } from 'node:https'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { TLSSocket } from 'node:tls'
import * as x509 from '@peculiar/x509'
import { type WebSocket, WebSocketServer } from 'ws'
import { formJoinToken, imagePath, joinPath, type JoinRequest, linkPath } from '../../../src/protocol/join.ts'
import {
  type AgentCall,
  type AgentFrame,
  type ControllerFrame,
  type InstanceReport,
  parseAgentFrame,
} from '../../../src/protocol/messages.ts'
import type { WantedInstance } from '../../../src/protocol/wanted.ts'

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }

interface Signed {
  readonly certificate: x509.X509Certificate
  readonly keys: webcrypto.CryptoKeyPair
}

type Answer = Extract<AgentFrame, { type: 'answer' }>

export class TestController extends EventEmitter<{ frame: [frame: AgentFrame]; linked: [] }> {
  readonly images = new Map<string, Buffer>()
  readonly got: AgentFrame[] = []
  readonly reports = new Map<string, InstanceReport>()
  readonly host_id = randomUUID()
  readonly secret = randomBytes(16).toString('base64url')
  readonly streams = new Map<string, (socket: WebSocket) => void>()
  /** Image requests' Range headers. */
  readonly ranges: (string | undefined)[] = []
  last_report = 0
  /** What is answered to a path, as JSON; 404 where nothing is. */
  readonly answers = new Map<string, object>()
  #ca!: Signed
  #server!: Server
  #link: WebSocket | null = null
  #closers: (() => void)[] = []

  /** With `other`, of the same cloud: hosts of both trust each other's certificates. */
  static async start(other?: TestController): Promise<TestController> {
    const controller = new TestController()
    controller.#ca = other === undefined ? await makeCa() : other.#ca
    const own = await sign(controller.#ca, 'controller', ['127.0.0.1'])
    const key = await pem(own.keys.privateKey)
    const ca = controller.#ca.certificate.toString('pem')
    const cert = `${own.certificate.toString('pem')}\n${ca}`
    const server = createServer(
      { key, cert, ca, requestCert: true, rejectUnauthorized: false },
      (request, response) => {
        controller.#answer(request, response).catch(error => response.writeHead(500).end(String(error)))
      },
    )
    const sockets = new WebSocketServer({ noServer: true })
    server.on('upgrade', (request, socket, head) => {
      if (!(socket as TLSSocket).authorized) return socket.destroy()
      sockets.handleUpgrade(request, socket, head, opened => controller.#opened(request, opened))
    })
    controller.#server = server
    await once(server.listen(0, '127.0.0.1'), 'listening')
    controller.#closers.push(() => {
      for (const client of sockets.clients) client.terminate()
      server.closeAllConnections()
      server.close()
    })
    return controller
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  get url(): string {
    return `https://127.0.0.1:${this.port}`
  }

  get token(): string {
    return formJoinToken(
      createHash('sha256').update(new Uint8Array(this.#ca.certificate.rawData)).digest(),
      this.secret,
    )
  }

  send(frame: ControllerFrame): void {
    this.#link?.send(JSON.stringify(frame))
  }

  want(whole: boolean, instances: WantedInstance[], forget_instances: string[] = []): void {
    this.send({ type: 'wanted', whole, instances, networks: [], forget_instances, forget_networks: [] })
  }

  call(params: AgentCall): Promise<Answer> {
    const call = randomUUID()
    this.send({ type: 'call', call, params })
    return this.until(() => this.got.find((frame): frame is Answer => frame.type === 'answer' && frame.call === call))
  }

  /** As soon as `find` finds something, looking at each frame that arrives. */
  async until<T>(find: () => T | undefined | false | null, timeout_ms = 40_000): Promise<T> {
    const signal = AbortSignal.timeout(timeout_ms)
    for (;;) {
      const found = find()
      if (found !== undefined && found !== null && found !== false) return found
      await once(this, 'frame', { signal }).catch(() => {
        throw new Error(
          `not within ${timeout_ms} ms; last reports: ${JSON.stringify([...this.reports.values()], null, 1)}`,
        )
      })
    }
  }

  /** The instance's report once it fits. */
  report(id: string, fits: (report: InstanceReport) => boolean): Promise<InstanceReport> {
    return this.until(() => {
      const report = this.reports.get(id)
      return report !== undefined && fits(report) ? report : undefined
    })
  }

  linked(): Promise<unknown> {
    return once(this, 'linked', { signal: AbortSignal.timeout(20_000) })
  }

  stop(): void {
    for (const close of this.#closers) close()
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = request.url ?? ''
    if (request.method === 'POST' && url === joinPath) return this.#join(request, response)
    if (!(request.socket as TLSSocket).authorized) return void response.writeHead(401).end()
    const said = this.answers.get(url)
    if (said) return void response.writeHead(200).end(JSON.stringify(said))
    const image = this.images.get(url.slice(imagePath.length))
    if (!url.startsWith(imagePath) || image === undefined) return void response.writeHead(404).end()
    this.ranges.push(request.headers.range)
    const from = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0)
    const head = from > 0 ? { 'content-range': `bytes ${from}-${image.length - 1}/${image.length}` } : {}
    response.writeHead(from > 0 ? 206 : 200, head).end(image.subarray(from))
  }

  async #join(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let text = ''
    for await (const chunk of request.setEncoding('utf8')) text += String(chunk)
    const asked = JSON.parse(text) as JoinRequest
    if (asked.token !== this.token) {
      response.writeHead(403, { 'content-type': 'application/problem+json' })
      response.end(JSON.stringify({ title: 'no', detail: 'the token was used already, or is too old.' }))
      return
    }
    const csr = new x509.Pkcs10CertificateRequest(asked.csr_pem)
    const certificate = await issue(this.#ca, this.host_id, csr.publicKey, [])
    const reply = {
      host_id: this.host_id,
      certificate_pem: certificate.toString('pem'),
      ca_pem: this.#ca.certificate.toString('pem'),
      link_urls: [`wss://127.0.0.1:${this.port}${linkPath}`],
    }
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(reply))
  }

  #opened(request: IncomingMessage, socket: WebSocket): void {
    if (request.url !== linkPath) {
      const token = request.headers.authorization?.replace('Bearer ', '') ?? ''
      const take = this.streams.get(token)
      return take === undefined ? socket.terminate() : take(socket)
    }
    this.#link = socket
    socket.on('message', data => {
      const frame = parseAgentFrame((data as Buffer).toString('utf8'))
      this.got.push(frame)
      if (frame.type === 'hello') {
        const { last_report, host_id } = this
        this.send({ type: 'welcome', protocol: 1, host_id, heartbeat_ms: 1000, last_report })
        this.emit('linked')
      }
      if (frame.type === 'ping') this.send({ type: 'pong', sent_ms: frame.sent_ms })
      if (frame.type === 'report') {
        if (frame.report <= this.last_report) throw new Error(`report ${frame.report} after ${this.last_report}`)
        this.last_report = frame.report
        for (const report of frame.instances) this.reports.set(report.id, report)
      }
      this.emit('frame', frame)
    })
  }
}

async function makeCa(): Promise<Signed> {
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    name: 'CN=Test CA',
    keys,
    signingAlgorithm: algorithm,
    extensions: [new x509.BasicConstraintsExtension(true, undefined, true)],
  })
  return { certificate, keys }
}

async function sign(ca: Signed, name: string, addresses: string[]): Promise<Signed> {
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])
  return { keys, certificate: await issue(ca, name, keys.publicKey, addresses) }
}

function issue(
  ca: Signed,
  name: string,
  publicKey: x509.PublicKeyType,
  addresses: string[],
): Promise<x509.X509Certificate> {
  const names = addresses.map(value => ({ type: 'ip' as const, value }))
  return x509.X509CertificateGenerator.create({
    subject: `CN=${name}`,
    issuer: ca.certificate.subject,
    publicKey,
    signingKey: ca.keys.privateKey,
    signingAlgorithm: algorithm,
    notAfter: new Date(Date.now() + 86_400_000),
    extensions: names.length > 0 ? [new x509.SubjectAlternativeNameExtension(names)] : [],
  })
}

async function pem(key: CryptoKey): Promise<string> {
  const body = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', key)).toString('base64')
  return `-----BEGIN PRIVATE KEY-----\n${body}\n-----END PRIVATE KEY-----\n`
}
