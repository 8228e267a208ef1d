/** Networks and subnets through the API. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { networkCloud } from '../../support/network-api.ts'

test('a network comes with a metadata port, which has an address in each DHCP subnet, and goes with all of it', async () => {
  await using cloud = await networkCloud()
  const { network, subnet } = await cloud.overlay('blue', '10.1.0.0/24')
  assert.equal(network.mtu, 1442)
  assert.equal(subnet.gateway, '10.1.0.1')
  assert.deepEqual([subnet.pool_start, subnet.pool_end], ['10.1.0.1', '10.1.0.254'])
  await cloud.post('subnets', { name: 'six', network_id: network.id, cidr: '2001:DB8:0:1::/64', dhcp: false })
  const { items } = await cloud.ask('GET', `ports?network_id=${network.id}`, 200)
  assert.deepEqual(
    items.map((port: Record<string, unknown>) => [port.kind, port.addresses]),
    [['metadata', [{ subnet_id: subnet.id, address: '10.1.0.2' }]]],
  )
  const shown = await cloud.ask('GET', `networks/${network.id}`, 200)
  assert.equal(shown.subnets.length, 2)
  assert.equal(await cloud.quotaOf('networks'), 1)
  await cloud.ask('DELETE', `networks/${network.id}`, 204)
  assert.equal(await cloud.quotaOf('networks'), 0)
  await cloud.ask('GET', `subnets/${subnet.id}`, 404)
})

test('what a subnet may not be is refused with what would do, and nothing is there after it', async () => {
  await using cloud = await networkCloud()
  const { network } = await cloud.overlay('blue', '10.1.0.0/24')
  const refused = async (status: number, words: RegExp, body: Record<string, unknown>) => {
    const problem = await cloud.ask('POST', 'subnets', status, { name: 'x', network_id: network.id, ...body })
    assert.match(problem.detail, words)
  }
  await refused(422, /host bits set. The network is 10\.2\.0\.0\/24/, { cidr: '10.2.0.7/24' })
  await refused(422, /not a CIDR/, { cidr: '10.2.0.0' })
  await refused(422, /prefix length of 8 to 29/, { cidr: '10.2.0.0/31' })
  await refused(422, /no network can use/, { cidr: '169.254.0.0/24' })
  await refused(409, /'blue-subnet' \(10\.1\.0\.0\/24\)/, { cidr: '10.1.0.128/25' })
  await refused(422, /gateway, 10\.3\.0\.1, is outside/, { cidr: '10.2.0.0/24', gateway: '10.3.0.1' })
  await refused(422, /pool ends/, { cidr: '10.2.0.0/24', pool_start: '10.2.0.9', pool_end: '10.2.0.8' })
  await refused(422, /name server 'x.y'/, { cidr: '10.2.0.0/24', dns: ['x.y'] })
  await refused(422, /not IPv4/, { cidr: '10.2.0.0/24', host_routes: [{ destination: '::/0', next_hop: '10.2.0.1' }] })
  await refused(422, /colour is not known here/, { cidr: '10.2.0.0/24', colour: 'red' })
  const { items } = await cloud.ask('GET', 'subnets', 200)
  assert.equal(items.length, 1)
})

test('a network with instances is not deleted, and says how many; nor is their subnet', async () => {
  await using cloud = await networkCloud()
  const { network, subnet } = await cloud.overlay('blue', '10.1.0.0/24')
  await cloud.instances(network.id, 3)
  assert.match((await cloud.ask('DELETE', `networks/${network.id}`, 409)).detail, /3 ports of instances/)
  assert.match((await cloud.ask('DELETE', `subnets/${subnet.id}`, 409)).detail, /3 ports of instances/)
})

test('others see what is shared and change nothing of it; what is not shared does not exist for them', async () => {
  await using cloud = await networkCloud()
  const { network: own, subnet } = await cloud.overlay('blue', '10.1.0.0/24')
  const { network: shared } = await cloud.external('outside', '192.0.2.0/24')
  const stranger = cloud.as(cloud.stranger)
  await cloud.ask('GET', `networks/${own.id}`, 404, undefined, stranger)
  await cloud.ask('DELETE', `networks/${own.id}`, 404, undefined, stranger)
  await cloud.ask('PATCH', `subnets/${subnet.id}`, 404, { name: 'mine' }, stranger)
  await cloud.ask('POST', 'subnets', 404, { name: 'x', network_id: own.id, cidr: '10.2.0.0/24' }, stranger)
  await cloud.ask('DELETE', `networks/${shared.id}`, 403, undefined, stranger)
  const { items } = await cloud.ask('GET', 'networks', 200, undefined, stranger)
  assert.deepEqual(
    items.map((network: Record<string, unknown>) => network.id),
    [shared.id],
  )
  await cloud.ask('POST', 'networks', 403, { name: 'x', kind: 'external', physical_network: 'x' })
  await cloud.ask('POST', 'networks', 403, { name: 'x', shared: true })
  const reader = cloud.as(await cloud.memberOf(cloud.project_id, 'reader'))
  await cloud.ask('POST', 'networks', 403, { name: 'x' }, reader)
  await cloud.ask('GET', `networks/${own.id}`, 200, undefined, reader)
})

test('external networks: one for each VLAN, no DHCP, unshared only when nobody else uses them', async () => {
  await using cloud = await networkCloud()
  const admin = cloud.as(cloud.admin)
  const body = { name: 'a', kind: 'external', physical_network: 'phys', vlan: 7, shared: true }
  const network = await cloud.post('networks', body, admin)
  assert.match((await cloud.ask('POST', 'networks', 409, body, admin)).detail, /VLAN 7/)
  await cloud.ask('POST', 'networks', 422, { name: 'b', kind: 'external' }, admin)
  await cloud.ask('POST', 'networks', 422, { name: 'b', vlan: 3 }, admin)
  await cloud.ask(
    'POST',
    'subnets',
    422,
    { name: 's', network_id: network.id, cidr: '192.0.2.0/24', dhcp: true },
    admin,
  )
  const subnet = await cloud.post('subnets', { name: 's', network_id: network.id, cidr: '192.0.2.0/24' }, admin)
  assert.equal(subnet.dhcp, false)
  await cloud.post('floating-ips', {}, cloud.as(cloud.stranger))
  assert.match(
    (await cloud.ask('PATCH', `networks/${network.id}`, 409, { shared: false }, admin)).detail,
    /Other projects/,
  )
})

test('a change is told to the instances it reaches; If-Match guards it; the gateway keeps out of others’ way', async () => {
  await using cloud = await networkCloud()
  const { network, subnet } = await cloud.overlay('blue', '10.1.0.0/24')
  const [one] = await cloud.instances(network.id, 1)
  assert.ok(one)
  const before = await cloud.detailsOf(one.instance_id)
  const changed = await cloud.ask('PATCH', `subnets/${subnet.id}`, 200, { dns: ['192.0.2.53'] })
  assert.deepEqual(changed.dns, ['192.0.2.53'])
  assert.equal(await cloud.detailsOf(one.instance_id), before + 1)
  const stale = { headers: { 'if-match': '"1"' } }
  await cloud.ask('PATCH', `subnets/${subnet.id}`, 412, { name: 'late' }, stale)
  const taken = await cloud.ask('PATCH', `subnets/${subnet.id}`, 409, { gateway: one.addresses?.[0] })
  assert.match(taken.detail, /is a port's already/)
  await cloud.ask('PATCH', `subnets/${subnet.id}`, 200, { dhcp: false })
  const { items } = await cloud.ask('GET', `ports?network_id=${network.id}&kind=metadata`, 200)
  assert.deepEqual(items[0].addresses, [])
})

test('a key used again makes one network; the quota holds under many at once', async () => {
  await using cloud = await networkCloud()
  const key = { headers: { 'idempotency-key': 'once' } }
  const [first, second] = [
    await cloud.post('networks', { name: 'a' }, key),
    await cloud.post('networks', { name: 'a' }, key),
  ]
  assert.equal(first.id, second.id)
  await cloud.cloud.database.db
    .updateTable('quota')
    .set({ limit_value: 5 })
    .where('scope_id', '=', cloud.project_id)
    .where('resource', '=', 'networks')
    .execute()
  const answers = await Promise.all(
    Array.from({ length: 20 }, () =>
      cloud.request('POST', '/v1/networks', { token: cloud.member, body: { name: 'n' } }),
    ),
  )
  assert.equal(answers.filter(answer => answer.status === 201).length, 4)
  assert.ok(answers.every(answer => answer.status === 201 || answer.body.code === 'quota_exceeded'))
  assert.equal(await cloud.quotaOf('networks'), 5)
})
