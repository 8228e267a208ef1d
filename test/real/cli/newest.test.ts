/** Lists of what happened, on the command line: who looks wants to know what was last. */
import assert from 'node:assert/strict'
import type { AddressInfo } from 'node:net'
import { after, before, describe, test } from 'node:test'
import { cliHome, type Home } from '../../support/cli.ts'
import { type TestCloud, testCloud } from '../../support/cloud.ts'

describe('cli/newest', () => {
  let cloud: TestCloud
  let home: Home

  before(async () => {
    cloud = await testCloud()
    await cloud.server.listen({ host: '127.0.0.1', port: 0 })
    const url = `http://127.0.0.1:${(cloud.server.server.address() as AddressInfo).port}`
    home = await cliHome({ CROFT_URL: url, CROFT_TOKEN: cloud.admin })
  })
  after(async () => {
    await home?.[Symbol.asyncDispose]()
    await cloud?.close()
  })

  async function ok(...words: string[]): Promise<string> {
    const { code, stdout, stderr } = await home.run(...words)
    assert.equal(code, 0, `croft ${words.join(' ')}: ${stderr}`)
    return stdout
  }

  async function things<T>(...words: string[]): Promise<T[]> {
    return JSON.parse(await ok(...words, '--json')) as T[]
  }

  test('what happened last comes first, of events and of all settings together', async () => {
    for (const minutes of ['100', '200']) await ok('setting', 'set', 'token.lifetime_minutes', minutes)
    await ok('setting', 'set', 'operation.keep_days', '100')
    const changes = await things<{ name: string; after: unknown }>('setting', 'history')
    assert.deepEqual(
      changes.slice(0, 3).map(one => [one.name, one.after]),
      [
        ['operation.keep_days', 100],
        ['token.lifetime_minutes', 200],
        ['token.lifetime_minutes', 100],
      ],
    )
    assert.match(await ok('setting', 'history', '--limit', '1'), /operation\.keep_days/)
    assert.equal((await things('setting', 'history', 'token.lifetime_minutes')).length, 2)
    const times = async (...more: string[]) =>
      (await things<{ at: string }>('event', 'list', '--noun', 'setting', ...more)).map(one => one.at)
    const newest = await times()
    assert.equal(newest.length, 3)
    assert.deepEqual(newest, (await times('--no-latest')).toReversed())
    // Of settings: a cloud has events of its own at any moment.
    const [last] = await things<{ detail: { name: string } }>('event', 'list', '--noun', 'setting', '--limit', '1')
    assert.equal(last?.detail.name, 'operation.keep_days')
  })
})
