import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { createControllerClient } from '../../../src/agent/drivers/controller-client.ts'
import { readIdentity } from '../../../src/agent/identity.ts'
import { joinHost } from '../../../src/agent/join.ts'
import { formJoinToken } from '../../../src/protocol/join.ts'
import { TestController } from './controller.ts'

const controller = await TestController.start()
const work = await mkdtemp(join(tmpdir(), 'croft-join-'))
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
