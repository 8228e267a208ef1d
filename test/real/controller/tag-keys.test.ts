/** Keys of labels and tags have no spaces or control characters; what was stored with such may be sent back. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { json } from '../../../src/controller/store/database.ts'
import { type TestCloud, testCloud } from '../../support/cloud.ts'
import { addHost, addImage } from '../../support/obedient-host.ts'

describe('controller/tag-keys', () => {
  let cloud: TestCloud
  let host_id = ''
  let image_id = ''

  before(async () => {
    cloud = await testCloud()
    host_id = (await addHost(cloud, 'h1')).id
    image_id = await addImage(cloud)
  })
  after(() => cloud.close())

  const label = (labels: Record<string, string>) => cloud.request('PATCH', `/v1/hosts/${host_id}`, { body: { labels } })
  const tag = (tags: Record<string, string>) => cloud.request('PATCH', `/v1/images/${image_id}`, { body: { tags } })

  test('new ones are refused with the key, and with one that would do', async () => {
    for (const [key, shown] of [
      ['bad key', '"bad key"'],
      ['bad\tkey', String.raw`"bad\\tkey"`],
    ] as const) {
      for (const refused of [await label({ [key]: '1' }), await tag({ [key]: '1' })]) {
        assert.deepEqual([refused.status, refused.body.code], [422, 'invalid'])
        assert.match(String(refused.body.detail), new RegExp(`^The key ${shown} in .*such as "bad-key"\\.$`))
      }
    }
    const made = await cloud.request('POST', '/v1/images', { body: { name: 'odd', tags: { 'bad key': '1' } } })
    assert.equal(made.status, 422)
    assert.equal((await label({ 'rack.row/7_α': 'with spaces is well' })).status, 200)
  })

  test('what was stored before is taken as it is, also beside what is new, and may be left out', async () => {
    const { db } = cloud.cloud.database
    await db
      .updateTable('host')
      .set({ labels: json({ 'bad key': '1' }) })
      .where('id', '=', host_id)
      .execute()
    await db
      .updateTable('image')
      .set({ tags: json({ 'bad key': '1' }) })
      .where('id', '=', image_id)
      .execute()
    for (const change of [label, tag]) {
      assert.equal((await change({ 'bad key': '1', good: '2' })).status, 200)
      assert.equal((await change({ 'bad key': '1', 'worse key': '2' })).status, 422)
      assert.equal((await change({ good: '2' })).status, 200)
      assert.equal((await change({ 'bad key': '1' })).status, 422)
    }
  })
})
