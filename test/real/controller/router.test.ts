/** Routers, floating addresses and ports through the API. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { networkCloud } from '../../support/network-api.ts'

test('a router joins subnets by their gateways and gets an address outside', async () => {
  await using cloud = await networkCloud()
  const { network: outside } = await cloud.external('outside', '192.0.2.0/24')
  const { subnet } = await cloud.overlay('blue', '10.1.0.0/24')
  const router = await cloud.post('routers', {
    name: 'r',
    external_network_id: outside.id,
    external_address: '192.0.2.10',
  })
  assert.deepEqual(router.external_addresses, ['192.0.2.10'])
  const joined = await cloud.post(`routers/${router.id}/interfaces`, { subnet_id: subnet.id })
  assert.deepEqual([joined.interfaces[0].address, joined.interfaces[0].cidr], ['10.1.0.1', '10.1.0.0/24'])
  assert.match(
    (await cloud.ask('POST', `routers/${router.id}/interfaces`, 409, { subnet_id: subnet.id })).detail,
    /has a router already \('r'\)/,
  )
  assert.match((await cloud.ask('DELETE', `routers/${router.id}`, 409)).detail, /joins 10\.1\.0\.0\/24/)
  assert.match(
    (await cloud.ask('PATCH', `subnets/${subnet.id}`, 409, { gateway: '10.1.0.9' })).detail,
    /A router has the gateway/,
  )
  const moved = await cloud.ask('PATCH', `routers/${router.id}`, 200, { external_address: '192.0.2.11', snat: false })
  assert.deepEqual([moved.external_addresses, moved.snat], [['192.0.2.11'], false])
  const cleared = await cloud.ask('PATCH', `routers/${router.id}`, 200, { external_network_id: null })
  assert.deepEqual([cleared.external_network_id, cleared.external_addresses], [null, []])
  await cloud.ask('DELETE', `routers/${router.id}/interfaces/${subnet.id}`, 204)
  await cloud.ask('DELETE', `routers/${router.id}`, 204)
  assert.equal(await cloud.quotaOf('routers'), 0)
  const { items } = await cloud.ask('GET', 'ports', 200)
  assert.deepEqual(
    items.map((port: Record<string, unknown>) => port.kind),
    ['metadata'],
  )
})

test('a router refuses networks that overlap, that are not external, or of others', async () => {
  await using cloud = await networkCloud()
  const { network: outside } = await cloud.external('outside', '192.0.2.0/24')
  const { network: blue, subnet } = await cloud.overlay('blue', '10.1.0.0/24')
  const { subnet: clash } = await cloud.overlay('red', '10.1.0.0/16')
  const { subnet: like_outside } = await cloud.overlay('green', '192.0.2.128/25')
  const router = await cloud.post('routers', { name: 'r' })
  const join = (status: number, subnet_id: string) =>
    cloud.ask('POST', `routers/${router.id}/interfaces`, status, { subnet_id })
  await join(201, subnet.id)
  assert.match((await join(409, clash.id)).detail, /'blue-subnet' \(10\.1\.0\.0\/24\)/)
  await join(201, like_outside.id)
  const overlapping = await cloud.ask('PATCH', `routers/${router.id}`, 409, { external_network_id: outside.id })
  assert.equal(overlapping.code, 'overlap')
  await cloud.ask('PATCH', `routers/${router.id}`, 422, { external_network_id: blue.id })
  await cloud.ask('PATCH', `routers/${router.id}`, 404, { external_network_id: cloud.project_id })
  await cloud.ask('POST', `routers/${router.id}/interfaces`, 404, { subnet_id: subnet.id }, cloud.as(cloud.stranger))
  const theirs = await cloud.post('routers', { name: 'x' }, cloud.as(cloud.stranger))
  await cloud.ask('POST', `routers/${theirs.id}/interfaces`, 404, { subnet_id: subnet.id }, cloud.as(cloud.stranger))
})

test('many routers at once: a subnet gets one, and nothing half-made stays', async () => {
  await using cloud = await networkCloud()
  const { subnet } = await cloud.overlay('blue', '10.1.0.0/24')
  const routers = await Promise.all(Array.from({ length: 8 }, (_, i) => cloud.post('routers', { name: `r${i}` })))
  const answers = await Promise.all(
    routers.map(router =>
      cloud.request('POST', `/v1/routers/${router.id}/interfaces`, {
        token: cloud.member,
        body: { subnet_id: subnet.id },
      }),
    ),
  )
  assert.deepEqual(answers.map(answer => answer.status).sort(), [201, ...Array.from({ length: 7 }, () => 409)])
  const { items } = await cloud.ask('GET', 'ports?kind=router', 200)
  assert.equal(items.length, 1)
})

test('a floating address goes to an instance, moves to another, and is given back', async () => {
  await using cloud = await networkCloud()
  const { network: outside } = await cloud.external('outside', '192.0.2.0/24')
  const { network, subnet } = await cloud.overlay('blue', '10.1.0.0/24')
  const [one, two] = await cloud.instances(network.id, 2)
  assert.ok(one && two)
  const asked = { instance_id: one.instance_id, address: '192.0.2.50' }
  assert.match((await cloud.ask('POST', 'floating-ips', 409, asked)).detail, /'blue-subnet' has no router/)
  const router = await cloud.post('routers', { name: 'r' })
  await cloud.post(`routers/${router.id}/interfaces`, { subnet_id: subnet.id })
  assert.match((await cloud.ask('POST', 'floating-ips', 409, asked)).detail, /router 'r'.*has no gateway on 'outside'/)
  await cloud.ask('PATCH', `routers/${router.id}`, 200, { external_network_id: outside.id })
  const before = await cloud.detailsOf(one.instance_id)
  const made = await cloud.post('floating-ips', asked)
  assert.deepEqual(
    [made.address, made.fixed_address, made.instance_id],
    ['192.0.2.50', one.addresses?.[0], one.instance_id],
  )
  assert.equal(await cloud.detailsOf(one.instance_id), before + 1)
  assert.match(
    (await cloud.ask('POST', 'floating-ips', 409, { port_id: one.port_id })).detail,
    /has a floating address already/,
  )
  assert.equal(await cloud.quotaOf('floating_ips'), 1)
  assert.match(
    (await cloud.ask('DELETE', `routers/${router.id}/interfaces/${subnet.id}`, 409)).detail,
    /1 floating address goes/,
  )
  await cloud.ask('PATCH', `routers/${router.id}`, 409, { external_network_id: null })
  const moved = await cloud.ask('PATCH', `floating-ips/${made.id}`, 200, { port_id: two.port_id })
  assert.equal(moved.instance_id, two.instance_id)
  assert.equal(await cloud.detailsOf(one.instance_id), before + 2)
  assert.equal((await cloud.ask('GET', `floating-ips?instance_id=${two.instance_id}`, 200)).items.length, 1)
  const free = await cloud.ask('PATCH', `floating-ips/${made.id}`, 200, { port_id: null })
  assert.deepEqual([free.port_id, free.fixed_address, free.router_id], [null, null, null])
  await cloud.ask('DELETE', `floating-ips/${made.id}`, 204)
  assert.equal(await cloud.quotaOf('floating_ips'), 0)
  assert.equal((await cloud.ask('GET', 'ports?kind=floating', 200)).items.length, 0)
})

test('floating addresses of others, and what cannot be one, are refused', async () => {
  await using cloud = await networkCloud()
  const { network: outside } = await cloud.external('outside', '192.0.2.0/29')
  const { network } = await cloud.overlay('blue', '10.1.0.0/24')
  const made = await cloud.post('floating-ips', {})
  const stranger = cloud.as(cloud.stranger)
  await cloud.ask('GET', `floating-ips/${made.id}`, 404, undefined, stranger)
  await cloud.ask('DELETE', `floating-ips/${made.id}`, 404, undefined, stranger)
  const [one] = await cloud.instances(network.id, 1)
  await cloud.ask('POST', 'floating-ips', 404, { port_id: one?.port_id }, stranger)
  await cloud.ask('POST', 'floating-ips', 409, { address: made.address })
  await cloud.ask('POST', 'floating-ips', 422, { address: '192.0.2.1' })
  await cloud.ask('POST', 'floating-ips', 422, { address: '198.51.100.1' })
  await cloud.ask('POST', 'floating-ips', 422, { network_id: network.id })
  await cloud.ask('POST', 'floating-ips', 422, { port_id: one?.port_id, instance_id: one?.instance_id })
  for (let i = 0; i < 4; i++) await cloud.post('floating-ips', { network_id: outside.id })
  assert.equal((await cloud.ask('POST', 'floating-ips', 409, {})).code, 'no_address')
  assert.equal(await cloud.quotaOf('floating_ips'), 5)
})

test('ports: made free, changed, kept from deletion while in use', async () => {
  await using cloud = await networkCloud()
  const { network } = await cloud.overlay('blue', '10.1.0.0/24')
  const pairs = [{ address: '10.1.0.99' }, { address: '10.9.0.0/16', mac: 'FA:16:3E:00:00:99' }]
  const body = {
    network_id: network.id,
    name: 'p',
    mac: 'FA:16:3E:00:00:01',
    fixed_addresses: ['10.1.0.77'],
    allowed_address_pairs: pairs,
  }
  const port = await cloud.post('ports', body)
  assert.equal(port.mac, 'fa:16:3e:00:00:01')
  assert.deepEqual(
    port.addresses.map((each: Record<string, unknown>) => each.address),
    ['10.1.0.77'],
  )
  assert.equal(port.allowed_address_pairs[1].mac, 'fa:16:3e:00:00:99')
  assert.equal(port.security_groups.length, 1)
  assert.match(
    (await cloud.ask('POST', 'ports', 409, { ...body, fixed_addresses: ['10.1.0.78'] })).detail,
    /MAC fa:16:3e:00:00:01/,
  )
  assert.match(
    (await cloud.ask('POST', 'ports', 422, { ...body, mac: '01:00:5e:00:00:01' })).detail,
    /not the MAC of one machine/,
  )
  assert.match(
    (await cloud.ask('PATCH', `ports/${port.id}`, 422, { port_security: false })).detail,
    /security_groups as \[\]/,
  )
  const open = await cloud.ask('PATCH', `ports/${port.id}`, 200, { port_security: false, security_groups: [] })
  assert.deepEqual([open.port_security, open.security_groups], [false, []])
  await cloud.ask('GET', `ports/${port.id}`, 404, undefined, cloud.as(cloud.stranger))
  await cloud.ask('DELETE', `ports/${port.id}`, 204)
  const [one] = await cloud.instances(network.id, 1)
  assert.match((await cloud.ask('DELETE', `ports/${one?.port_id}`, 409)).detail, /belongs to an instance/)
  assert.equal((await cloud.ask('GET', `ports?instance_id=${one?.instance_id}`, 200)).items.length, 1)
})
