import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { createControllerClient } from '../../../src/agent/drivers/controller-client.ts'
import { readIdentity } from '../../../src/agent/identity.ts'
import { joinHost } from '../../../src/agent/join.ts'
import { askHardware } from '../../../src/agent/join-request.ts'
import { forgetUnconfirmed, isUnconfirmed } from '../../../src/agent/unconfirmed.ts'
import type { HardwareId } from '../../../src/model/hardware-id.ts'
import { hardwarePath } from '../../../src/protocol/hardware-id.ts'
import { formJoinToken } from '../../../src/protocol/join.ts'
import { TestController } from './controller.ts'
import { scratch } from '../../support/scratch.ts'

const controller = await TestController.start()
const work = await scratch('croft-join')
describe('agent/join', () => {
  after(() => {
    controller.stop()
    return rm(work, { recursive: true, force: true })
  })

  test('joining keeps an identity that only root reads; joining again is no error', async () => {
    const state_dir = join(work, 'a')
    const options = { controller_url: controller.url, token: controller.token, state_dir, name: 'h1' }
    const identity = await joinHost(options)
    assert.equal(identity.host_id, controller.host_id)
    assert.equal((await stat(join(state_dir, 'identity.json'))).mode & 0o777, 0o600)
    const again = await joinHost(options)
    assert.equal(again.host_id, identity.host_id)
    assert.notEqual(again.key_pem, identity.key_pem)
    assert.deepEqual(await readIdentity(state_dir), again)
    const client = createControllerClient(again)
    const connection = await client.dial(again.link_urls[0] ?? '', { message() {}, closed() {} })
    connection.close()
    client.close()
    assert.ok((await readFile(join(state_dir, 'identity.json'), 'utf8')).includes('BEGIN PRIVATE KEY'))
  })

  test('a link is made to a controller of its cloud at the address that its certificate is for, and to nobody else', async t => {
    const stranger = await TestController.start()
    t.after(() => stranger.stop())
    const options = {
      controller_url: controller.url,
      token: controller.token,
      state_dir: join(work, 'linked'),
      name: 'h2',
    }
    const identity = await joinHost(options)
    const client = createControllerClient(identity)
    t.after(() => client.close())
    const dial = (url: string) => client.dial(url, { message() {}, closed() {} })
    const url = identity.link_urls[0] ?? ''
    await assert.rejects(dial(url.replace('127.0.0.1', 'localhost')), { code: 'ERR_TLS_CERT_ALTNAME_INVALID' })
    await assert.rejects(dial(stranger.url.replace('https', 'wss') + new URL(url).pathname), /certificate/)
    ;(await dial(url)).close()
  })

  test('a controller that stands still is reached by its kernel and says nothing: it is given up, and nothing of it stays open', async t => {
    const identity = await readIdentity(join(work, 'a'))
    assert.ok(identity)
    const still = createServer()
    await once(still.listen(0, '127.0.0.1'), 'listening')
    t.after(() => still.close())
    const came = once(still, 'connection') as Promise<[Socket]>
    const within_ms = { one_of_several: 200, only: 200 }
    const client = createControllerClient(identity, { urls: [], learn: () => Promise.resolve() }, within_ms)
    t.after(() => client.close())
    const { port } = still.address() as { port: number }
    const given_up = assert.rejects(
      client.dial(`wss://127.0.0.1:${port}/v1/link`, { message() {}, closed() {} }),
      /timed out/,
    )
    const [socket] = await came
    // At once, also for a controller that does not read what it hangs up after.
    const left = new Promise<NodeJS.ErrnoException | null>(resolve => {
      socket.once('error', resolve)
      socket.once('close', () => resolve(null))
    })
    await given_up
    assert.equal((await left)?.code, 'ECONNRESET')
  })

  test('what is on the disk of a machine that joins on other hardware, or on unknown one, waits for the word', async () => {
    const state_dir = join(work, 'moved')
    const boardOf = (n: number): HardwareId => ({ board: `01890000-0000-4000-8000-00000000000${n}` })
    const joinOn = (hardware: HardwareId) =>
      joinHost({ controller_url: controller.url, token: controller.token, state_dir, hardware })
    await joinOn(boardOf(1))
    await mkdir(join(state_dir, 'wanted'))
    await joinOn(boardOf(2))
    assert.equal(await isUnconfirmed(state_dir), false, 'nothing is there that could be started')
    await writeFile(join(state_dir, 'wanted', 'some.json'), '{}')
    await joinOn(boardOf(2))
    assert.equal(await isUnconfirmed(state_dir), false, 'the same machine')
    await joinOn(boardOf(1))
    assert.equal(await isUnconfirmed(state_dir), true)
    await joinOn(boardOf(1))
    assert.equal(await isUnconfirmed(state_dir), true, 'joining again is not the word')
    await forgetUnconfirmed(state_dir)
    for (const note of [null, 'damaged', '{"board":7}']) {
      if (note === null) await rm(join(state_dir, 'hardware.json'))
      else await writeFile(join(state_dir, 'hardware.json'), note)
      await joinOn(boardOf(1))
      assert.equal(await isUnconfirmed(state_dir), true, `kept: ${note}`)
      await forgetUnconfirmed(state_dir)
    }
    await joinOn({})
    assert.equal(await isUnconfirmed(state_dir), true, 'a machine that says nothing may be another')
  })

  test('a controller that is too old to say whose hardware it is does not hide the next one', async t => {
    const newer = await TestController.start(controller)
    t.after(() => newer.stop())
    newer.answers.set(hardwarePath, { state: 'known', why: 'as recorded' })
    const state_dir = join(work, 'between')
    const identity = await joinHost({ controller_url: controller.url, token: controller.token, state_dir })
    const [old] = identity.link_urls
    assert.ok(old)
    const both = { ...identity, link_urls: [old, newer.url.replace('https', 'wss')] }
    assert.equal((await askHardware(both, {})).state, 'known')
    await assert.rejects(askHardware(identity, {}), /older than that, update it/)
  })

  test('another controller than the token’s, a used token, a broken token, nobody: each says what is wrong', async () => {
    const state_dir = join(work, 'b')
    const wrong = formJoinToken(Buffer.alloc(32, 7), controller.secret)
    const used = formJoinToken(Buffer.from(controller.token.split('.')[1] ?? '', 'base64url'), 'another-secret-of-one')
    const ask = (token: string, controller_url = controller.url) => joinHost({ controller_url, token, state_dir })
    await assert.rejects(ask(wrong), /not the one that made this token/)
    await assert.rejects(ask(used), /did not let this host join: the token was used already/)
    await assert.rejects(ask('secret'), /not a join token/)
    await assert.rejects(ask(controller.token, 'https://127.0.0.1:1'), /cannot be reached/)
    await assert.rejects(ask(controller.token, controller.url.replace('https', 'http')), /https:\/\/ only/)
    assert.equal(await readIdentity(state_dir), null)
  })
})
