/** The network between two relays is cut: both ends of everything that passes there end soon, what is in two places at once apart. */
import 'reflect-metadata'
import assert from 'node:assert/strict'
import { randomUUID, webcrypto } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { connect, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { after, before, describe, test } from 'node:test'
import { Pkcs10CertificateRequestGenerator } from '@peculiar/x509'
import { createDialler } from '../../../src/agent/peer/relay-dial.ts'
import { createListener } from '../../../src/agent/peer/relay-listen.ts'
import type { RelayEnd } from '../../../src/agent/peer/relay-main.ts'
import type { RelayWord } from '../../../src/agent/peer/relay-words.ts'
import type { PeerTls } from '../../../src/agent/peer/tls.ts'
import { type Authority, makeAuthority, signClientRequest } from '../../../src/lib/ca/ca.ts'
import { cuttableLine } from '../../support/cuttable-line.ts'

const beats = { every_ms: 30, missed_max: 4 }
const [source, target] = [randomUUID(), randomUUID()]
let authority: Authority
let work = ''
let moves = 0

async function certificateOf(name: string): Promise<PeerTls> {
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])
  const asked = await Pkcs10CertificateRequestGenerator.create({ name: 'CN=x', keys, signingAlgorithm: algorithm })
  const validity = { now_ms: Date.now(), days: 1 }
  const cert = await signClientRequest(authority, asked.toString('pem'), name, validity)
  const bytes = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey)).toString('base64')
  const key = `-----BEGIN PRIVATE KEY-----\n${bytes}\n-----END PRIVATE KEY-----\n`
  return { key, cert, ca: authority.certificate_pem }
}

/** One end, and a way to wait for what it says. */
function ear() {
  const heard: RelayWord[] = []
  let news = Promise.withResolvers<void>()
  return {
    tell(word: RelayWord) {
      heard.push(word)
      news.resolve()
      news = Promise.withResolvers<void>()
    },
    async says<On extends RelayWord['on']>(on: On): Promise<Extract<RelayWord, { on: On }>> {
      for (;;) {
        const found = heard.find((word): word is Extract<RelayWord, { on: On }> => word.on === on)
        if (found) return found
        await news.promise
      }
    },
  }
}

/** As QEMU's: closed as soon as the other end is. */
const quiet = (socket: Socket) => socket.on('error', () => undefined).on('end', () => socket.destroy())
const closed = (socket: Socket) =>
  new Promise<void>(resolve => (socket.closed ? resolve() : socket.once('close', () => resolve())))

/** A move under way, over a line that can be cut: `here` is what the source's QEMU has of it, `there` the target's. */
async function begin(undo: AsyncDisposableStack) {
  const dir = `${work}/${++moves}`
  const migration = randomUUID()
  const coming = { migration, secret: 'a secret of this move' }
  const at = (end: string) => ({ memory: `${dir}-${end}.m`, disks: `${dir}-${end}.d` })
  const arrived = Promise.withResolvers<Socket>()
  const process = createServer({ allowHalfOpen: true }, socket => arrived.resolve(quiet(socket)))
  await once(process.listen(at('target').memory), 'listening')
  undo.defer(() => void process.close())
  const [far, near] = [ear(), ear()]
  const listener: RelayEnd = createListener(
    { do: 'listen', tls: await certificateOf(target), address: '127.0.0.1', port: 0 },
    far.tell,
    beats,
  )
  undo.defer(() => listener.orphaned())
  listener.obey({ do: 'expect', coming: { ...coming, peer_host_id: source, sockets: at('target') } })
  const { port } = await far.says('listening')
  const line = undo.use(await cuttableLine(port))
  const dialler = createDialler(
    {
      do: 'dial',
      tls: await certificateOf(source),
      host: '127.0.0.1',
      port: line.port,
      coming: { ...coming, peer_host_id: target, sockets: at('source') },
      owner: { uid: 0, gid: 0 },
    },
    near.tell,
    beats,
  )
  undo.defer(() => dialler.orphaned())
  await Promise.all([near.says('session'), far.says('session')])
  const here = quiet(connect({ path: at('source').memory, allowHalfOpen: true })).resume()
  undo.defer(() => void here.destroy())
  here.write('memory')
  const there = await arrived.promise
  undo.defer(() => void there.destroy())
  assert.equal(String((await once(there, 'data'))[0]), 'memory')
  return { line, here, there, near, far, listener, dialler, migration }
}

describe('agent/relay-cut', () => {
  before(async () => {
    work = await mkdtemp(join(tmpdir(), 'croft-relay-'))
    authority = await makeAuthority('Test', { now_ms: Date.now(), days: 2 })
  })
  after(() => rm(work, { recursive: true, force: true }))

  test('what is being sent breaks off at both ends, also where more waits than the network takes', {
    timeout: 20_000,
  }, async () => {
    await using undo = new AsyncDisposableStack()
    const { line, here, there, near, far } = await begin(undo)
    line.cut()
    here.write(Buffer.alloc(2 ** 24))
    await Promise.all([near.says('closed'), far.says('closed')])
    await Promise.all([closed(here), closed(there)])
  })

  test('of what the other end does not take, little is on its way; all of it comes once that takes again', {
    timeout: 20_000,
  }, async () => {
    await using undo = new AsyncDisposableStack()
    const { here, there } = await begin(undo)
    there.pause()
    const all_bytes = 2 ** 25
    here.write(Buffer.alloc(all_bytes / 2))
    here.end(Buffer.alloc(all_bytes / 2))
    // That nothing more passes is told by nobody.
    await delay(300)
    const under_way = here.bytesWritten - here.writableLength
    assert.ok(under_way < 2 ** 21, `${under_way} bytes are on their way`)
    let come = 0
    there.on('data', (chunk: Buffer) => (come += chunk.length))
    there.resume()
    await once(there, 'end')
    assert.equal(come, all_bytes)
  })

  test('in postcopy it stays: the memory is nowhere else, and the network may come back', {
    timeout: 20_000,
  }, async () => {
    await using undo = new AsyncDisposableStack()
    const { line, here, there, near, far, listener, dialler, migration } = await begin(undo)
    for (const end of [listener, dialler]) end.obey({ do: 'outlive', migration, lasting: true })
    line.cut()
    await Promise.all([near.says('closed'), far.says('closed')])
    assert.deepEqual([here.destroyed, there.destroyed], [false, false])
    assert.deepEqual([listener.lasting, dialler.lasting], [1, 1])
  })

  test('the target’s agent is gone: in postcopy what passes goes on passing, and nothing of other moves does', {
    timeout: 20_000,
  }, async () => {
    await using undo = new AsyncDisposableStack()
    const lasting = await begin(undo)
    const other = await begin(undo)
    for (const end of [lasting.listener, lasting.dialler]) {
      end.obey({ do: 'outlive', migration: lasting.migration, lasting: true })
    }
    lasting.listener.orphaned()
    other.listener.orphaned()
    await lasting.near.says('closed')
    await Promise.all([closed(other.here), closed(other.there)])
    lasting.here.write('more')
    assert.equal(String((await once(lasting.there, 'data'))[0]), 'more')
  })
})
