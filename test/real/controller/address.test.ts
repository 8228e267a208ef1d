/** Allocation of addresses on a real PostgreSQL: against a model, in parallel, and up to the last address. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { contains, isHostAddress, parseAddress, parseCidr } from '../../../src/lib/ip.ts'
import { insertPorts } from '../../../src/controller/app/new-ports.ts'
import { address, type Wish } from '../../../src/controller/store/address.ts'
import type { Database } from '../../../src/controller/store/database.ts'
import type { NewPort } from '../../../src/controller/store/port.ts'
import { CloudError } from '../../../src/model/errors.ts'
import { addNetwork, id, makes, networkDatabase } from '../../support/network.ts'

/** `count` ports with addresses, in one transaction; the addresses in order. */
function take(database: Database, project_id: string, network_id: string, count: number, wish: Partial<Wish> = {}) {
  return database.transaction(async tx => {
    const ports: NewPort[] = Array.from({ length: count }, () => ({
      id: id(),
      network_id,
      project_id,
      mac: '',
      kind: 'free',
    }))
    await insertPorts(tx, makes, ports)
    const wishes = ports.map(port => ({ port_id: port.id, network_id, ...wish }))
    return address.allocate(tx, await address.lock(tx, [network_id]), wishes)
  })
}

function refused(code: string, words: RegExp) {
  return (error: unknown) => error instanceof CloudError && error.code === code && words.test(error.message)
}

test('any sequence of taking and freeing keeps to a model: none twice, none outside, none refused while one is free', async () => {
  await using there = await networkDatabase()
  const { database, project_id } = there
  const step = fc.oneof(
    fc.record({ take: fc.integer({ min: 1, max: 6 }) }),
    fc.record({ free: fc.array(fc.nat(40), { maxLength: 6 }) }),
    fc.record({ fixed: fc.integer({ min: 0, max: 15 }) }),
  )
  const sequences = fc.array(step, { minLength: 1, maxLength: 25 })
  await fc.assert(
    fc.asyncProperty(fc.constantFrom('192.0.2.0/28', '2001:db8::/124'), sequences, async (cidr, steps) => {
      const network_id = await addNetwork(database, project_id, [cidr])
      const range = parseCidr(cidr)
      assert.ok(range)
      const held: { address: string; port_id: string }[] = []
      const room = 13
      for (const each of steps) {
        if ('take' in each) {
          const asked = take(database, project_id, network_id, each.take)
          if (held.length + each.take > room) {
            await assert.rejects(asked, refused('no_address', /192\.0\.2\.0|2001:db8/))
            continue
          }
          for (const { address: text, port_id } of await asked) {
            const value = parseAddress(text)
            assert.ok(
              value && contains(range, value) && isHostAddress(range, value.value) && value.value !== range.first + 1n,
            )
            assert.ok(!held.some(other => other.address === text), `${text} was given twice`)
            held.push({ address: text, port_id })
          }
        } else if ('free' in each) {
          for (const index of each.free) {
            const [gone] = held.splice(index % Math.max(1, held.length), 1)
            if (gone) await database.db.deleteFrom('port').where('id', '=', gone.port_id).execute()
          }
        } else {
          const text = cidr.includes(':') ? `2001:db8::${each.fixed.toString(16)}` : `192.0.2.${each.fixed}`
          const asked = take(database, project_id, network_id, 1, { fixed: [text] })
          const broadcast = each.fixed === 15 && !cidr.includes(':')
          if (each.fixed <= 1 || broadcast) await assert.rejects(asked, refused('invalid', /network|gateway/))
          else if (held.some(other => other.address === text.replace(/::0$/, '::'))) {
            await assert.rejects(asked, refused('conflict', /is taken/))
          } else if (each.fixed < 15) held.push(...(await asked))
          else
            await asked.then(([port]) =>
              database.db
                .deleteFrom('port')
                .where('id', '=', port?.port_id ?? '')
                .execute(),
            )
        }
      }
    }),
    { numRuns: 40 },
  )
})

test('twenty at once, fifty addresses each, out of a /22: a thousand different ones', async () => {
  await using there = await networkDatabase()
  const { database, project_id } = there
  const network_id = await addNetwork(database, project_id, ['10.0.0.0/22'])
  const all = await Promise.all(Array.from({ length: 20 }, () => take(database, project_id, network_id, 50)))
  assert.equal(new Set(all.flat().map(each => each.address)).size, 1000)
  // 1,022 hosts, one of them the gateway: 21 are left.
  await assert.rejects(take(database, project_id, network_id, 22), refused('no_address', /10\.0\.0\.0\/22.*21 free/))
  assert.equal((await take(database, project_id, network_id, 21)).length, 21)
})

test('a freed address is not soon given again', async () => {
  await using there = await networkDatabase()
  const { database, project_id } = there
  const network_id = await addNetwork(database, project_id, ['10.0.0.0/24'])
  const [first] = await take(database, project_id, network_id, 1)
  assert.equal(first?.address, '10.0.0.2')
  await database.db.deleteFrom('port').execute()
  assert.equal((await take(database, project_id, network_id, 1))[0]?.address, '10.0.0.3')
})

test('a port gets an address of each family, and the second subnet takes what the first has no room for', async () => {
  await using there = await networkDatabase()
  const { database, project_id } = there
  const network_id = await addNetwork(database, project_id, ['10.0.0.0/29', '10.0.1.0/24', '2001:db8::/64'])
  const given = await take(database, project_id, network_id, 10)
  const v4 = given.filter(each => !each.address.includes(':')).map(each => each.address)
  assert.equal(v4.length, 10)
  assert.equal(given.length, 20)
  assert.equal(v4.filter(text => text.startsWith('10.0.0.')).length, 5)
})

test('fixed addresses outside, malformed or twice in one request are refused, and nothing is taken', async () => {
  await using there = await networkDatabase()
  const { database, project_id } = there
  const network_id = await addNetwork(database, project_id, ['10.0.0.0/24'])
  const fixed = (...texts: string[]) => take(database, project_id, network_id, 1, { fixed: texts })
  await assert.rejects(fixed('10.0.1.5'), refused('invalid', /outside the subnets 10\.0\.0\.0\/24/))
  await assert.rejects(fixed('10.0.0.300'), refused('invalid', /not an IPv4 or IPv6 address/))
  await assert.rejects(fixed('10.0.0.5', '10.0.0.5'), refused('invalid', /twice/))
  assert.deepEqual(await database.db.selectFrom('port').selectAll().execute(), [])
})

test('a large subnet with a long run of taken addresses costs little, an IPv6 /64 too', async () => {
  await using there = await networkDatabase()
  const { database, project_id } = there
  const network_id = await addNetwork(database, project_id, ['10.0.0.0/16', '2001:db8::/64'])
  const thousand = async () => {
    const began_ms = performance.now()
    assert.equal((await take(database, project_id, network_id, 1000)).length, 2000)
    return performance.now() - began_ms
  }
  const first_ms = await thousand()
  await take(database, project_id, network_id, 4000)
  const later_ms = await thousand()
  assert.ok(later_ms < 10 * first_ms, `a thousand ports took ${first_ms} ms at first, and ${later_ms} after 5,000`)
})
