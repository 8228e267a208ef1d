/**
 * Joins this host to a controller: makes a key that never leaves the host, has it certified with a one-time token, keeps the
 * outcome. The token names the controller's certificate authority by fingerprint, which is all the trust needed to begin.
 */
import 'reflect-metadata'
import { createHash, type X509Certificate as NodeCertificate, timingSafeEqual, webcrypto } from 'node:crypto'
import { request } from 'node:https'
import { hostname } from 'node:os'
import { connect, type TLSSocket } from 'node:tls'
import { Pkcs10CertificateRequestGenerator } from '@peculiar/x509'
import { Compile } from 'typebox/compile'
import { JoinReply, type JoinRequest, joinPath, parseJoinToken } from '../protocol/join.ts'
import { type Identity, readIdentity, writeIdentity } from './identity.ts'
import { machineId } from './machine-id.ts'

export interface JoinOptions {
  /** https://host[:port] of any controller. */
  readonly controller_url: string
  readonly token: string
  readonly state_dir: string
  /** What the host is to be called; its hostname unless given. */
  readonly name?: string
  /** Which machine this is; as the system says unless given: for many simulated hosts on one machine. */
  readonly machine_id?: string
}

export class JoinFailed extends Error {}

const answerWithin_ms = 20_000
const replyMax_bytes = 256 * 1024
const checkReply = Compile(JoinReply)

/** Joining again is no error: the same host comes back under its machine id, with a new key. Rejects with JoinFailed. */
export async function joinHost(options: JoinOptions): Promise<Identity> {
  const token = parseJoinToken(options.token)
  if (token === null) {
    throw new JoinFailed('This is not a join token (croft1.….…). Make one with "croft host token" and give it whole.')
  }
  const url = new URL(joinPath, options.controller_url)
  if (url.protocol !== 'https:') throw new JoinFailed('The controller is reached by https:// only.')
  const ca_pem = await fetchTrustedCa(url, token.ca_sha256)
  const name = options.name ?? hostname()
  const { key_pem, csr_pem } = await makeKey(name)
  const reply = await post(url, ca_pem, {
    token: options.token.trim(),
    csr_pem,
    facts_summary: { hostname: name, machine_id: options.machine_id ?? (await machineId()) },
  })
  const identity: Identity = { ...reply, name, key_pem }
  const before = await readIdentity(options.state_dir).catch((): null => null)
  if (before !== null && before.host_id !== identity.host_id) {
    throw new JoinFailed(
      `This machine is host ${before.host_id} of another cloud. Its guests belong there: remove ${options.state_dir} first if they are no longer needed.`,
    )
  }
  await writeIdentity(options.state_dir, identity)
  return identity
}

async function makeKey(name: string): Promise<{ key_pem: string; csr_pem: string }> {
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])
  const csr = await Pkcs10CertificateRequestGenerator.create({
    name: [{ CN: [name] }],
    keys,
    signingAlgorithm: algorithm,
  })
  const pkcs8 = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey)).toString('base64')
  const lines = pkcs8.match(/.{1,64}/g) ?? []
  const key_pem = `-----BEGIN PRIVATE KEY-----\n${lines.join('\n')}\n-----END PRIVATE KEY-----\n`
  return { key_pem, csr_pem: csr.toString('pem') }
}

/**
 * Shakes hands with the controller once, trusting nobody, only to see the chain it shows; gives the certificate in it whose
 * fingerprint the token names. The request itself then goes over a connection that trusts this certificate alone.
 */
function fetchTrustedCa(url: URL, ca_sha256: Buffer): Promise<string> {
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
        const found = findInChain(socket.getPeerX509Certificate(), ca_sha256)
        socket.destroy()
        if (found !== null) resolve(found.toString())
        else fail('The controller is not the one that made this token: its certificate authority is another one.')
      },
    )
    socket.setTimeout(answerWithin_ms, () => socket.destroy(new Error('no answer in time')))
    socket.on('error', error => fail(`The controller at ${url.host} cannot be reached: ${error.message}`, error))
  })
}

function findInChain(leaf: NodeCertificate | undefined, ca_sha256: Buffer): NodeCertificate | null {
  for (let each = leaf, depth = 0; each !== undefined && depth < 10; each = each.issuerCertificate, depth++) {
    if (timingSafeEqual(createHash('sha256').update(each.raw).digest(), ca_sha256)) return each
  }
  return null
}

function post(url: URL, ca: string, body: JoinRequest): Promise<JoinReply> {
  return new Promise((resolve, reject) => {
    const fail = (text: string, cause?: unknown) => reject(new JoinFailed(text, { cause }))
    const headers = { 'content-type': 'application/json', accept: 'application/json' }
    const asked = request(url, { method: 'POST', ca, headers, timeout: answerWithin_ms }, answer => {
      let text = ''
      answer.setEncoding('utf8')
      answer.on('data', (chunk: string) => {
        text += chunk
        if (text.length > replyMax_bytes) answer.destroy(new Error('the answer is too long'))
      })
      answer.on('error', error => fail(`The controller's answer broke off: ${error.message}`, error))
      answer.on('end', () => {
        try {
          resolve(readReply(answer.statusCode ?? 0, text))
        } catch (error) {
          reject(error)
        }
      })
    })
    asked.on('timeout', () => asked.destroy(new Error('no answer in time')))
    asked.on('error', error => fail(`The controller at ${url.host} cannot be reached: ${error.message}`, error))
    asked.end(JSON.stringify(body))
  })
}

function readReply(status: number, text: string): JoinReply {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    throw new JoinFailed(`The controller answered ${status} with something that is not JSON.`, { cause })
  }
  if (status >= 200 && status < 300 && checkReply.Check(value)) return value
  // RFC 9457: the sentence for people is in `detail`.
  const detail =
    typeof value === 'object' && value !== null && 'detail' in value && typeof value.detail === 'string'
      ? value.detail
      : `it answered ${status}`
  throw new JoinFailed(`The controller did not let this host join: ${detail}`)
}
