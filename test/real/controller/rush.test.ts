/** Two controllers place at once, each by what it has seen itself: what they promise together is no more than there is. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { sql } from 'kysely'
import { type TestCloud, testCloud } from '../../support/cloud.ts'
import { addHost, addImage, addNetwork, liftQuotas, type ObedientHost } from '../../support/obedient-host.ts'
import { testDatabase } from '../../support/postgres.ts'

describe('controller/rush', () => {
  let own: Awaited<ReturnType<typeof testDatabase>>
  let one: TestCloud
  let other: TestCloud
  let body: Record<string, unknown>

  before(async () => {
    own = await testDatabase()
    one = await testCloud({ database_url: own.url })
    other = await testCloud({ database_url: own.url })
    await liftQuotas(one)
    const flavors = await one.request('GET', '/v1/flavors?name=tiny')
    const networks = [{ network_id: await addNetwork(one) }]
    body = { flavor_id: flavors.body.items?.[0]?.id, image_id: await addImage(one), networks }
  })
  after(async () => {
    await other.close()
    await one.close()
    await own.drop()
  })

  test('a rush at both for the last room promises no host more than it has, and leaves none', async () => {
    const room = { r1: 7, r2: 3, r3: 11 }
    const all = Object.values(room).reduce((sum, each) => sum + each, 0)
    const small: ObedientHost[] = []
    for (const [name, count] of Object.entries(room)) {
      const size = { cpus: 100, memory_mib: 1024 + count * 128, pool_gib: 100 }
      small.push(await addHost(small.length % 2 === 0 ? one : other, name, size))
    }
    // Each with another tag, so that they share no transaction.
    const create = (n: number, count = 1) =>
      (n % 2 === 0 ? one : other).request('POST', '/v1/instances', {
        body: { ...body, name: `rush-${n}`, tags: { n: String(n) }, start: false, ...(count > 1 && { count }) },
      })
    const answers = await Promise.all(Array.from({ length: 40 }, (_, n) => create(n, 1 + (n % 3))))
    for (const answer of answers) if (answer.status !== 202) assert.equal(answer.body.code, 'no_capacity')
    let made = answers.reduce((sum, answer) => sum + (answer.body.items?.length ?? 0), 0)
    // Who lost the race for what there was may find what others left.
    for (let n = 100; (await create(n)).status === 202; n++) made += 1
    assert.equal(made, all)
    const { rows } = await sql<{ name: string; memory_mib: number; claimed_mib: number; limit_mib: number }>`
      select h.name, sum(i.memory_mib) as memory_mib, k.memory_mib as claimed_mib, h.memory_limit_mib as limit_mib
      from host h join host_claim k on k.host_id = h.id join instance i on i.host_id = h.id
      where h.id = any(${small.map(({ id }) => id)}::uuid[]) group by h.id, k.host_id order by h.name`.execute(
      one.cloud.database.db,
    )
    assert.deepEqual(
      rows,
      Object.entries(room).map(([name, count]) => {
        const memory_mib = count * 128
        return { name, memory_mib, claimed_mib: memory_mib, limit_mib: memory_mib }
      }),
    )
  })
})
