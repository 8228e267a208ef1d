/** What a source may send to the target’s listener: once, what is expected, and nothing else. */
import 'reflect-metadata'
import assert from 'node:assert/strict'
import { webcrypto } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { connect, type TLSSocket } from 'node:tls'
import { Pkcs10CertificateRequestGenerator } from '@peculiar/x509'
import { sendFile } from '../../../src/agent/peer/file-stream.ts'
import { Relay } from '../../../src/agent/peer/relay.ts'
import type { RelayWord } from '../../../src/agent/peer/relay-words.ts'
import { type PeerTls, peerTlsOptions } from '../../../src/agent/peer/tls.ts'
import { type Authority, makeAuthority, signClientRequest } from '../../../src/lib/ca/ca.ts'
import { uuid } from './fakes.ts'

const ecdsa = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }
const validity = { now_ms: Date.now(), days: 1 }
const [migration, volume_id, secret] = [uuid(50), uuid(60), 's'.repeat(16)]

async function tlsOf(authority: Authority, name: string): Promise<PeerTls> {
  const keys = await webcrypto.subtle.generateKey(ecdsa, true, ['sign', 'verify'])
  const csr = await Pkcs10CertificateRequestGenerator.create({ name: 'CN=x', keys, signingAlgorithm: ecdsa })
  const pkcs8 = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey)).toString('base64')
  return {
    key: `-----BEGIN PRIVATE KEY-----\n${pkcs8}\n-----END PRIVATE KEY-----\n`,
    cert: await signClientRequest(authority, csr.toString('pem'), name, validity),
    ca: authority.certificate_pem,
  }
}

describe('agent/relay-listen', () => {
  let work: string
  let source: PeerTls
  let listener: Relay
  let port = 0
  const words: RelayWord[] = []
  const sockets: TLSSocket[] = []
  let heard: () => void = () => undefined

  before(async () => {
    work = await mkdtemp(join(tmpdir(), 'croft-relay-'))
    const authority = await makeAuthority('Test', validity)
    source = await tlsOf(authority, uuid(1))
    const tls = await tlsOf(authority, uuid(2))
    listener = new Relay(work)
    listener.on('word', each => {
      words.push(each)
      heard()
    })
    listener.order({ do: 'listen', tls, address: '127.0.0.1', port: 0 })
    port = await word(each => (each.on === 'listening' ? each.port : undefined))
    const peer = { memory: '/nonexistent', disks: '/nonexistent' }
    listener.order({ do: 'expect', coming: { migration, peer_host_id: uuid(1), secret, sockets: peer } })
    await writeFile(join(work, 'there'), '')
    const files = { [volume_id]: { path: join(work, 'there'), bytes_max: 1024 } }
    listener.order({ do: 'files', migration, files })
  })
  after(async () => {
    for (const socket of sockets) socket.destroy()
    const gone = once(listener, 'gone')
    listener.end()
    await gone
    await rm(work, { recursive: true, force: true })
  })

  async function word<T>(pick: (word: RelayWord) => T | undefined): Promise<T> {
    for (;;) {
      const next = new Promise<void>(resolve => (heard = resolve))
      const found = words.map(pick).find(each => each !== undefined)
      if (found !== undefined) return found
      await next
    }
  }

  async function dial(): Promise<TLSSocket> {
    const socket = connect({ ...peerTlsOptions(source), host: '127.0.0.1', port, checkServerIdentity: () => undefined })
    sockets.push(socket)
    socket.on('error', () => undefined)
    await once(socket, 'secureConnect')
    socket.write(`${JSON.stringify({ migration, secret, stream: 'file', volume_id })}\n`)
    return socket
  }

  async function send(text: string): Promise<void> {
    await writeFile(join(work, 'here'), text)
    await sendFile(await dial(), { path: join(work, 'here'), rate_max: null, show() {} })
  }

  test('a volume comes once: what was looked at since is not written over by a second one', async () => {
    await send('as it was')
    assert.equal(await word(each => (each.on === 'file' ? String(each.error) : undefined)), 'null')
    await assert.rejects(send('something else'))
    assert.equal(await readFile(join(work, 'there'), 'utf8'), 'as it was')
    assert.equal(words.filter(each => each.on === 'file').length, 1)
  })
})
