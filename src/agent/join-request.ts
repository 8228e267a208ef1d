/**
 * What a machine asks of a controller beside its link, before it has a certificate, or to be done with it: over HTTPS that trusts one
 * certificate authority alone. Knows nothing of keys and of what is kept on disk.
 */
import { createHash, type X509Certificate as NodeCertificate, X509Certificate } from 'node:crypto'
import { request } from 'node:https'
import { connect, type TLSSocket } from 'node:tls'
import { Compile } from 'typebox/compile'
import type { HardwareId } from '../model/hardware-id.ts'
import { hardwarePath, HardwareReply } from '../protocol/hardware-id.ts'
import { JoinReply, type JoinRequest, leavePath, RegisterReply, type RegisterRequest } from '../protocol/join.ts'
import { readHardware, saidOf } from './hardware.ts'
import type { Identity } from './identity.ts'

export class JoinFailed extends Error {
  /** Of the answer, if there was one. */
  readonly status: number | null
  constructor(words: string, options: { cause?: unknown; status?: number } = {}) {
    super(words, { cause: options.cause })
    this.status = options.status ?? null
  }
}

const answerWithin_ms = 20_000
const replyMax_bytes = 256 * 1024
const checkReply = Compile(JoinReply)
const checkPending = Compile(RegisterReply)
const checkHardware = Compile(HardwareReply)

/** The controller may hold an answer back for so long. */
export const wait_s = 25

export interface JoinController {
  readonly url: string
  readonly ca_pem: string
  /** What this host was before; its certificate is shown to controllers of the same authority. */
  readonly before: Identity | null
}

const fingerprint = (pem: string) => new X509Certificate(pem).fingerprint256

/** The certificate to be shown in the handshake: it proves which host this is. */
function proofOf({ before, ca_pem }: JoinController): { cert: string; key: string } | null {
  if (before === null || fingerprint(before.ca_pem) !== fingerprint(ca_pem)) return null
  return { cert: before.certificate_pem, key: before.key_pem }
}

/** No answer, too many questions, a controller in trouble: another time it may do. */
export function mayPass({ status }: JoinFailed): boolean {
  return status === null || status === 429 || status >= 500
}

/**
 * Shakes hands with the controller once, trusting nobody, only to see the chain it shows; gives the certificate in it whose
 * fingerprint is wanted. The request itself then goes over a connection that trusts this certificate alone.
 */
export async function fetchTrustedCa(url: URL, ca_sha256: Uint8Array): Promise<string> {
  const found = (await fetchChain(url)).find(one => sha256Of(one).equals(ca_sha256))
  if (found) return found.toString()
  throw new JoinFailed(
    'The controller is not the one that made this token or fingerprint: its certificate authority is another one.',
  )
}

const sha256Of = (certificate: NodeCertificate) => createHash('sha256').update(certificate.raw).digest()

function fetchChain(url: URL): Promise<NodeCertificate[]> {
  return new Promise((resolve, reject) => {
    const host = url.hostname.replace(/^\[|\]$/g, '')
    const fail = (text: string, cause?: unknown) => reject(new JoinFailed(text, { cause }))
    const socket: TLSSocket = connect(
      {
        host,
        port: Number(url.port || 443),
        rejectUnauthorized: false,
        servername: /^[\d.]+$|:/.test(host) ? '' : host,
      },
      () => {
        const chain = chainOf(socket.getPeerX509Certificate())
        socket.destroy()
        resolve(chain)
      },
    )
    socket.setTimeout(answerWithin_ms, () => socket.destroy(new Error('no answer in time')))
    socket.on('error', error => fail(`The controller at ${url.host} cannot be reached: ${error.message}`, error))
  })
}

function chainOf(leaf: NodeCertificate | undefined): NodeCertificate[] {
  const chain: NodeCertificate[] = []
  for (let each = leaf; each !== undefined && chain.length < 10; each = each.issuerCertificate) {
    if (chain.some(one => one.raw.equals(each.raw))) break
    chain.push(each)
  }
  return chain
}

interface Answered {
  status: number
  text: string
}

function send(controller: JoinController, path: string, body: unknown, signal?: AbortSignal): Promise<Answered> {
  const url = new URL(path, controller.url)
  return new Promise((resolve, reject) => {
    const fail = (text: string, cause?: unknown) => reject(new JoinFailed(text, { cause }))
    const headers = { 'content-type': 'application/json', accept: 'application/json' }
    const timeout = answerWithin_ms + wait_s * 1000
    const tls = { ca: controller.ca_pem, ...proofOf(controller) }
    const asked = request(
      url,
      { method: 'POST', ...tls, headers, timeout, agent: false, ...(signal && { signal }) },
      answer => {
        let text = ''
        answer.setEncoding('utf8')
        answer.on('data', (chunk: string) => {
          text += chunk
          if (text.length > replyMax_bytes) answer.destroy(new Error('the answer is too long'))
        })
        answer.on('error', error => fail(`The controller's answer broke off: ${error.message}`, error))
        answer.on('end', () => resolve({ status: answer.statusCode ?? 0, text }))
      },
    )
    asked.on('timeout', () => asked.destroy(new Error('no answer in time')))
    asked.on('error', error => fail(`The controller at ${url.host} cannot be reached: ${error.message}`, error))
    asked.end(JSON.stringify(body))
  })
}

export async function post(
  controller: JoinController,
  path: string,
  body: JoinRequest | RegisterRequest,
  signal?: AbortSignal,
): Promise<JoinReply | RegisterReply> {
  const { status, text } = await send(controller, path, body, signal)
  const value = read(status, text)
  const is_ok = status >= 200 && status < 300
  if (is_ok && checkReply.Check(value)) return value
  if (is_ok && checkPending.Check(value)) return value
  throw new JoinFailed(`The controller did not let this host join: ${reasonOf(status, value)}`, { status })
}

function read(status: number, text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new JoinFailed(`The controller answered ${status} with something that is not JSON.`, { cause, status })
  }
}

/** RFC 9457: the sentence for people is in `detail`. */
function reasonOf(status: number, value: unknown): string {
  return typeof value === 'object' && value !== null && 'detail' in value && typeof value.detail === 'string'
    ? value.detail
    : `it answered ${status}`
}

/**
 * Asks each controller in turn until one answers that is not in trouble itself, or too old where `is_newer`: where that may be not all of them
 * know the path. Otherwise throws JoinFailed, which begins with `words`.
 */
async function askAny(
  identity: Identity,
  { path, body, words, is_newer = false }: { path: string; body: unknown; words: string; is_newer?: boolean },
  signal?: AbortSignal,
): Promise<Answered & { value: unknown }> {
  const failures: unknown[] = []
  for (const link_url of identity.link_urls) {
    const url = new URL(link_url.replace(/^ws/, 'http')).origin
    try {
      const { status, text } = await send({ url, ca_pem: identity.ca_pem, before: identity }, path, body, signal)
      const value = status === 204 ? null : read(status, text)
      if (status < 300) return { status, text, value }
      throw new JoinFailed(`${words}: ${reasonOf(status, value)}`, { status })
    } catch (error) {
      if (!(error instanceof JoinFailed)) throw error
      if (!mayPass(error) && !(is_newer && error.status === 404)) throw error
      failures.push(error)
    }
  }
  throw failures.at(-1) ?? new JoinFailed(`${words}: this host knows no controller.`)
}

/**
 * Takes this host out of its cloud, by its own certificate. Resolves to false when the cloud knows this certificate no longer: it left
 * before, or was removed. Rejects with JoinFailed, saying why, while there is something on it.
 */
export async function leaveCloud(identity: Identity, hardware?: HardwareId): Promise<boolean> {
  const body = saidOf(hardware ?? (await readHardware()))
  try {
    await askAny(identity, { path: leavePath, body, words: 'The cloud does not let this host go' })
    return true
  } catch (error) {
    if (error instanceof JoinFailed && error.status === 401) return false
    throw error
  }
}

/** Whether this machine is to be the host whose certificate it has; the answer is held back while it is not. */
export async function askHardware(
  identity: Identity,
  hardware: HardwareId,
  signal?: AbortSignal,
): Promise<HardwareReply> {
  const words = 'The controller does not say whether this is its host'
  const body = { ...saidOf(hardware), wait_s }
  const asked = { path: hardwarePath, body, words, is_newer: true }
  const { status, value } = await askAny(identity, asked, signal).catch((cause: unknown) => {
    const is_old = cause instanceof JoinFailed && cause.status === 404
    throw is_old ? new JoinFailed(`${words}: it is older than that, update it.`, { cause, status: 404 }) : cause
  })
  if (checkHardware.Check(value)) return value
  throw new JoinFailed(`${words}, but something else.`, { status })
}
