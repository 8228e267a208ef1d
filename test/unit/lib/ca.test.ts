/** The certificate authority, judged by Node's TLS (OpenSSL) and not by the library that wrote the certificates. */
import 'reflect-metadata'
import assert from 'node:assert/strict'
import { webcrypto, X509Certificate } from 'node:crypto'
import { connect, createServer, type TLSSocket } from 'node:tls'
import { before, test } from 'node:test'
import { Pkcs10CertificateRequestGenerator } from '@peculiar/x509'
import {
  type Authority,
  fingerprintOf,
  issueServerCertificate,
  makeAuthority,
  RequestRefused,
  signClientRequest,
} from '../../../src/lib/ca/ca.ts'

const now_ms = Date.now()
const ecdsa = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }
let authority: Authority
before(async () => {
  authority = await makeAuthority('Test', { now_ms, days: 3653 })
})

async function request(name: string) {
  const keys = await webcrypto.subtle.generateKey(ecdsa, true, ['sign', 'verify'])
  const csr = await Pkcs10CertificateRequestGenerator.create({ name, keys, signingAlgorithm: ecdsa })
  const pkcs8 = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey)).toString('base64')
  return {
    csr: csr.toString('pem'),
    key: `-----BEGIN PRIVATE KEY-----\n${pkcs8}\n-----END PRIVATE KEY-----\n`,
    raw: csr.rawData,
  }
}

/** A handshake both ways; gives what the server saw of the client. */
async function shakeHands(
  server: { key: string; cert: string },
  client: { key?: string; cert?: string },
  host: string,
) {
  const ca = authority.certificate_pem
  const listening = createServer({ ...server, ca, requestCert: true, rejectUnauthorized: false })
  await new Promise<void>(resolve => listening.listen(0, '127.0.0.1', resolve))
  const address = listening.address()
  const port = typeof address === 'object' && address ? address.port : 0
  const seen = new Promise<{ authorized: boolean; subject: unknown }>(resolve => {
    listening.once('secureConnection', (socket: TLSSocket) => {
      resolve({ authorized: socket.authorized, subject: socket.getPeerCertificate().subject })
      socket.end()
    })
  })
  try {
    await new Promise<void>((resolve, reject) => {
      const socket = connect({ port, host: '127.0.0.1', ca, servername: host === '127.0.0.1' ? '' : host, ...client })
      socket
        .once('secureConnect', () => socket.resume())
        .once('close', () => resolve())
        .once('error', reject)
    })
    return await seen
  } finally {
    listening.close()
  }
}

test('a server by address and by name is believed, under another name not, and a client is who we say', async () => {
  const { key_pem: key, certificate_pem: cert } = await issueServerCertificate(
    authority,
    ['127.0.0.1', 'croft.example', '::1'],
    { now_ms, days: 825 },
  )
  const asked = await request('CN=somebody-else, O=Admins')
  const client = {
    key: asked.key,
    cert: await signClientRequest(authority, asked.csr, 'host-1', { now_ms, days: 5000 }),
  }
  const seen = await shakeHands({ key, cert }, client, '127.0.0.1')
  assert.equal(seen.authorized, true)
  assert.deepEqual({ ...(seen.subject as object) }, { CN: 'host-1' })
  await shakeHands({ key, cert }, client, 'croft.example')
  await assert.rejects(shakeHands({ key, cert }, client, 'other.example'), { code: 'ERR_TLS_CERT_ALTNAME_INVALID' })
  const none = await shakeHands({ key, cert }, {}, '127.0.0.1')
  assert.equal(none.authorized, false)
})

test('certificates say what they are for, and none outlives the authority', async () => {
  const ca = new X509Certificate(authority.certificate_pem)
  assert.equal(ca.ca, true)
  const { csr } = await request('CN=x')
  const agent = new X509Certificate(await signClientRequest(authority, csr, 'h', { now_ms, days: 100_000 }))
  assert.equal(agent.ca, false)
  assert.equal(agent.verify(ca.publicKey), true)
  assert.deepEqual(agent.keyUsage, ['1.3.6.1.5.5.7.3.2'])
  assert.equal(agent.validTo, ca.validTo)
  const server = new X509Certificate(
    (await issueServerCertificate(authority, ['a'], { now_ms, days: 1 })).certificate_pem,
  )
  assert.deepEqual(server.keyUsage, ['1.3.6.1.5.5.7.3.1'])
  assert.match(server.subjectAltName ?? '', /^DNS:a$/)
  assert.ok(Date.parse(server.validFrom) < now_ms)
  assert.notEqual(server.serialNumber, agent.serialNumber)
  assert.equal(
    fingerprintOf(authority.certificate_pem).toString('hex'),
    ca.fingerprint256.replaceAll(':', '').toLowerCase(),
  )
})

test('an agent cannot serve, and a server cannot be an agent', async () => {
  const server = await issueServerCertificate(authority, ['127.0.0.1'], { now_ms, days: 1 })
  const asked = await request('CN=x')
  const agent = { key: asked.key, cert: await signClientRequest(authority, asked.csr, 'h', { now_ms, days: 1 }) }
  await assert.rejects(shakeHands(agent, {}, '127.0.0.1'))
  const posing = { key: server.key_pem, cert: server.certificate_pem }
  assert.equal((await shakeHands(posing, posing, '127.0.0.1')).authorized, false)
})

test('requests that are none, or not signed by their own key, or of a weak key, are refused', async () => {
  const { raw } = await request('CN=x')
  const forged = Buffer.from(raw)
  forged[forged.length - 5] = (forged[forged.length - 5] ?? 0) ^ 1
  const pem = (der: Uint8Array) =>
    `-----BEGIN CERTIFICATE REQUEST-----\n${Buffer.from(der).toString('base64')}\n-----END CERTIFICATE REQUEST-----\n`
  const rsa = {
    name: 'RSASSA-PKCS1-v1_5',
    hash: 'SHA-256',
    modulusLength: 1024,
    publicExponent: new Uint8Array([1, 0, 1]),
  }
  const keys = await webcrypto.subtle.generateKey(rsa, true, ['sign', 'verify'])
  const weak = await Pkcs10CertificateRequestGenerator.create({ name: 'CN=x', keys, signingAlgorithm: rsa })
  const validity = { now_ms, days: 1 }
  for (const text of [
    '',
    'x'.repeat(20_000),
    authority.certificate_pem,
    pem(Buffer.from('nonsense')),
    pem(forged),
    pem(new Uint8Array(raw.slice(0, 40))),
    `${pem(new Uint8Array(raw))}${pem(new Uint8Array(raw))}`,
    weak.toString('pem'),
  ]) {
    await assert.rejects(signClientRequest(authority, text, 'h', validity), RequestRefused, text.slice(0, 60))
  }
})
