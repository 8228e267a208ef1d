/** Security groups and their rules through the API. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { networkCloud } from '../../support/network-api.ts'

test('a new group lets everything out; rules are added once and taken away', async () => {
  await using cloud = await networkCloud()
  const group = await cloud.post('security-groups', { name: 'web' })
  assert.deepEqual(
    group.rules.map((rule: Record<string, unknown>) => [rule.direction, rule.ethertype, rule.protocol]).sort(),
    [
      ['egress', 'ipv4', null],
      ['egress', 'ipv6', null],
    ],
  )
  const body = { direction: 'ingress', protocol: 'tcp', port_min: 80, port_max: 88, remote_cidr: '198.51.100.0/24' }
  const rule = await cloud.post(`security-groups/${group.id}/rules`, body)
  assert.equal(rule.ethertype, 'ipv4')
  assert.match(
    (await cloud.ask('POST', `security-groups/${group.id}/rules`, 409, { ...body, protocol: 6 })).detail,
    /this very rule/,
  )
  assert.equal((await cloud.ask('GET', `security-groups/${group.id}`, 200)).rules.length, 3)
  await cloud.ask('DELETE', `security-groups/${group.id}/rules/${rule.id}`, 204)
  await cloud.ask('DELETE', `security-groups/${group.id}/rules/${rule.id}`, 404)
  await cloud.ask('DELETE', `security-groups/${group.id}`, 204)
  assert.equal(await cloud.quotaOf('security_groups'), 0)
})

test('rules are read as OpenStack reads them', async () => {
  await using cloud = await networkCloud()
  const group = await cloud.post('security-groups', { name: 'g' })
  const add = (body: Record<string, unknown>) =>
    cloud.post(`security-groups/${group.id}/rules`, { direction: 'ingress', ...body })
  assert.equal((await add({ protocol: 'icmp', ethertype: 'ipv6' })).protocol, 'icmpv6')
  assert.equal((await add({ protocol: 'ipv6-icmp', port_min: 128 })).ethertype, 'ipv6')
  assert.equal((await add({ protocol: '112' })).protocol, 'vrrp')
  assert.equal((await add({ protocol: 200 })).protocol, '200')
  assert.equal((await add({ remote_cidr: '2001:DB8::/32' })).ethertype, 'ipv6')
  const one = await add({ protocol: 'udp', port_min: 53 })
  assert.deepEqual([one.port_min, one.port_max], [53, 53])
  const icmp = await add({ protocol: 'icmp', port_min: 8, port_max: 0 })
  assert.deepEqual([icmp.port_min, icmp.port_max], [8, 0])
})

test('rules that contradict themselves are refused', async () => {
  await using cloud = await networkCloud()
  const group = await cloud.post('security-groups', { name: 'g' })
  const theirs = await cloud.post('security-groups', { name: 'g' }, cloud.as(cloud.stranger))
  const refused = async (status: number, words: RegExp, body: Record<string, unknown>) => {
    const problem = await cloud.ask('POST', `security-groups/${group.id}/rules`, status, {
      direction: 'ingress',
      ...body,
    })
    assert.match(problem.detail, words)
  }
  await refused(422, /no protocol/, { protocol: 'tpc' })
  await refused(422, /Only tcp, udp and sctp/, { port_min: 1, port_max: 2 })
  await refused(422, /Only tcp, udp and sctp.*gre/, { protocol: 'gre', port_min: 1 })
  await refused(422, /more than port_max/, { protocol: 'tcp', port_min: 9, port_max: 8 })
  await refused(422, /1 to 65535/, { protocol: 'tcp', port_min: 0, port_max: 8 })
  await refused(422, /needs its type/, { protocol: 'icmp', port_max: 0 })
  await refused(422, /0 to 255/, { protocol: 'icmp', port_min: 300 })
  await refused(422, /ethertype is ipv4/, { ethertype: 'ipv6', remote_cidr: '10.0.0.0/8' })
  await refused(422, /host bits/, { remote_cidr: '10.0.0.1/8' })
  await refused(422, /not both/, { remote_cidr: '10.0.0.0/8', remote_group_id: group.id })
  await refused(404, /security group/, { remote_group_id: theirs.id })
})

test('the default group stays; a group in use says by how many; names are unique in a project', async () => {
  await using cloud = await networkCloud()
  const { network } = await cloud.overlay('blue', '10.1.0.0/24')
  const group = await cloud.post('security-groups', { name: 'web' })
  await cloud.ask('POST', 'security-groups', 409, { name: 'web' })
  await cloud.ask('POST', 'security-groups', 409, { name: 'default' })
  const [one] = await cloud.instances(network.id, 1)
  const { items } = await cloud.ask('GET', 'security-groups?name=default', 200)
  const [fallback] = items
  assert.equal(fallback.is_default, true)
  assert.equal(fallback.rules.length, 4)
  assert.match((await cloud.ask('DELETE', `security-groups/${fallback.id}`, 409)).detail, /cannot be deleted/)
  await cloud.ask('PATCH', `security-groups/${fallback.id}`, 409, { name: 'x' })
  await cloud.ask('PATCH', `ports/${one?.port_id}`, 200, { security_groups: [group.id] })
  assert.match((await cloud.ask('DELETE', `security-groups/${group.id}`, 409)).detail, /1 port is in the group/)
  const before = await cloud.detailsOf(one?.instance_id ?? '')
  await cloud.ask('PATCH', `security-groups/${group.id}`, 200, { name: 'www' })
  assert.equal(await cloud.detailsOf(one?.instance_id ?? ''), before + 1)
  await cloud.ask('GET', `security-groups/${group.id}`, 404, undefined, cloud.as(cloud.stranger))
})

test('a group that others let in goes with their rules for it, and they show it', async () => {
  await using cloud = await networkCloud()
  const [web, db] = [
    await cloud.post('security-groups', { name: 'web' }),
    await cloud.post('security-groups', { name: 'db' }),
  ]
  await cloud.post(`security-groups/${db.id}/rules`, {
    direction: 'ingress',
    protocol: 'tcp',
    port_min: 5432,
    remote_group_id: web.id,
  })
  const before = await cloud.ask('GET', `security-groups/${db.id}`, 200)
  await cloud.ask('DELETE', `security-groups/${web.id}`, 204)
  const after = await cloud.ask('GET', `security-groups/${db.id}`, 200)
  assert.deepEqual([after.rules.length, after.version], [before.rules.length - 1, before.version + 1])
})

test('would this packet pass? By which rule, or why not', async () => {
  await using cloud = await networkCloud()
  const { network } = await cloud.overlay('blue', '10.1.0.0/24')
  const [web, db] = [
    await cloud.post('security-groups', { name: 'web' }),
    await cloud.post('security-groups', { name: 'db' }),
  ]
  const [server, client] = await cloud.instances(network.id, 2)
  const rule = await cloud.post(`security-groups/${db.id}/rules`, {
    ...{ direction: 'ingress', protocol: 'tcp', port_min: 5432, remote_group_id: web.id },
  })
  await cloud.ask('PATCH', `ports/${server?.port_id}`, 200, { security_groups: [db.id] })
  const { addresses } = await cloud.ask('GET', `ports/${client?.port_id}`, 200)
  const packet = {
    ...{ instance_id: server?.instance_id, direction: 'ingress', protocol: 'tcp', destination_port: 5432 },
    remote_address: addresses[0].address,
  }
  const before = await cloud.ask('POST', 'security-groups/check', 200, packet)
  assert.deepEqual([before.allowed, before.because, before.closest[0].differs_in], [false, 'no_rule', ['remote']])
  assert.match(before.detail, /'db', differs in remote/)
  await cloud.ask('PATCH', `ports/${client?.port_id}`, 200, { security_groups: [web.id] })
  const after = await cloud.ask('POST', 'security-groups/check', 200, packet)
  assert.deepEqual([after.allowed, after.rule.id, after.port_id], [true, rule.id, server?.port_id])
  const tried = await cloud.ask('POST', 'security-groups/check', 200, { ...packet, security_groups: [web.id] })
  assert.equal(tried.allowed, false)

  const wrong = (changes: object) => cloud.ask('POST', 'security-groups/check', 422, { ...packet, ...changes })
  assert.match((await wrong({ destination_port: undefined })).detail, /goes to a port/)
  assert.match((await wrong({ protocol: 'carrier-pigeon' })).detail, /is no protocol/)
  assert.match((await wrong({ remote_address: '10.0.0.0/8' })).detail, /is no address/)
  assert.match((await wrong({ instance_id: undefined })).detail, /Say of whom/)
  const stranger = cloud.as(cloud.stranger)
  await cloud.ask('POST', 'security-groups/check', 404, packet, stranger)
  await cloud.ask(
    'POST',
    'security-groups/check',
    404,
    { ...packet, instance_id: undefined, port_id: server?.port_id },
    stranger,
  )
})
