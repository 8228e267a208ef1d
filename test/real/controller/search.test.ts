/** One search over all kinds: by whatever a thing is known by, and never of what the caller may not see. */
import assert from 'node:assert/strict'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { type Found, searchRoutes } from '../../../src/api/search.ts'
import { cliHome } from '../../support/cli.ts'
import { networkCloud } from '../../support/network-api.ts'
import { addHost, addImage } from '../../support/obedient-host.ts'
import { replyOf } from '../../support/reply.ts'

test('things of every kind by name, id, address and MAC; each sees what is theirs', async () => {
  await using cloud = await networkCloud()
  await addHost(cloud, 'h1')
  const { network: outside } = await cloud.external('outside', '192.0.2.0/24')
  const { network, subnet } = await cloud.overlay('blue', '10.1.0.0/24')
  const router = await cloud.post('routers', { name: 'r', external_network_id: outside.id })
  await cloud.post(`routers/${router.id}/interfaces`, { subnet_id: subnet.id })
  const { items: flavors } = await cloud.ask('GET', 'flavors?name=tiny', 200)
  const body = {
    name: 'blue-1',
    flavor_id: flavors[0].id,
    image_id: await addImage(cloud),
    networks: [{ network_id: network.id }],
  }
  const made = await cloud.ask('POST', 'instances', 202, body, { headers: { prefer: 'wait=30' } })
  const { id, addresses } = made.items[0] as {
    id: string
    addresses: { address: string; mac: string; port_id: string }[]
  }
  const [{ address, mac, port_id } = { address: '', mac: '', port_id: '' }] = addresses
  const floating = await cloud.post('floating-ips', { network_id: outside.id, port_id })

  const search = async (text: string, options: { token?: string; query?: string } = {}) => {
    const path = `/v1/search?text=${encodeURIComponent(text)}${options.query ?? ''}`
    const found = await cloud.request('GET', path, { token: options.token ?? cloud.admin })
    return replyOf(searchRoutes.find, found).items
  }
  const said = (items: Found[]) => items.map(one => `${one.noun} ${one.name} by ${one.matched}`)

  const named = said(await search('BLUE'))
  for (const one of ['instance blue-1 by name', 'network blue by name']) assert.ok(named.includes(one), named.join())
  assert.deepEqual(said(await search(id)), ['instance blue-1 by id'])
  assert.ok(said(await search(id.slice(0, 13).toUpperCase())).includes('instance blue-1 by id'))
  const short = await search(id.slice(0, 7))
  assert.ok(
    short.every(one => one.matched === 'name'),
    'too short to be the beginning of an id',
  )
  // By the end of an id, as the pages show it of what has no name; by the beginning of an address.
  for (const end of [id.slice(-8), id.slice(-13).toUpperCase(), id.slice(-12)])
    assert.deepEqual(said(await search(end)), ['instance blue-1 by id'], end)
  assert.deepEqual(said(await search(port_id.slice(-8))), [`port ${address} by id`])
  assert.deepEqual(await search(`${id.slice(-14, -13) === '0' ? '1' : '0'}${id.slice(-13)}`), [])
  assert.deepEqual(await search(id.slice(-7)), [])
  for (const text of ['10.1.0', '10.1.0.'])
    for (const one of ['instance blue-1 by address', `port ${address} by address`])
      assert.ok(said(await search(text)).includes(one), `${one}: ${text}`)
  assert.deepEqual(said(await search('192.0.2.')).slice(0, 1), ['instance blue-1 by address'])
  assert.deepEqual(await search('10.1.1.'), [])
  assert.deepEqual(said(await search(address)), ['instance blue-1 by address', `port ${address} by address`])
  assert.deepEqual(said(await search(String(floating.address))).slice(0, 2), [
    'instance blue-1 by address',
    `floating-ip ${floating.address} by address`,
  ])
  assert.deepEqual(said(await search(mac.toUpperCase().replaceAll(':', '-'))), [
    'instance blue-1 by mac',
    `port ${address} by mac`,
  ])
  assert.deepEqual(await search('10.1.0.250'), [])
  assert.deepEqual(await search("%'; drop"), [])
  assert.deepEqual(said(await search('h1')), ['host h1 by name'])
  // Lists find so, too.
  for (const text of [address, mac, String(floating.address), id]) {
    const { items } = await cloud.ask('GET', `instances?search=${encodeURIComponent(text)}`, 200)
    assert.deepEqual(
      items.map((one: { id: string }) => one.id),
      [id],
      text,
    )
  }
  const { items: ports } = await cloud.ask('GET', `ports?search=${address}`, 200)
  assert.deepEqual(
    ports.map((one: { id: string }) => one.id),
    [port_id],
  )

  // From the command line.
  await cloud.server.listen({ host: '127.0.0.1', port: 0 })
  const { port } = cloud.server.server.address() as AddressInfo
  await using home = await cliHome({ CROFT_URL: `http://127.0.0.1:${port}`, CROFT_TOKEN: cloud.admin })
  const told = await home.run('search', address)
  assert.match(
    told.stdout,
    new RegExp(`^NOUN +NAME +MATCHED +ID\\ninstance +blue-1 +address +${id}\\nport`),
    told.stderr,
  )
  assert.equal((await home.run('search', mac, '-q', '--all-projects', '--limit', '1')).stdout, `${id}\n${port_id}\n`)
  assert.equal((await home.run('search', 'no such thing')).stderr, 'Nothing found.\n')
  const running = ['instance', 'list', '--state', 'running', '--state', 'error', '--all-projects', '-q', '--sort']
  assert.equal((await home.run(...running, '-state')).stdout, `${id}\n`)

  // Others: of another project, of none, given this one singly; and who sees all projects.
  const user = async (name: string) => String((await cloud.request('POST', '/v1/users', { body: { name } })).body.id)
  const project = await cloud.request('POST', '/v1/projects', { body: { name: 'elsewhere' } })
  const elsewhere = String(project.body.id)
  const [stranger, nobody, given] = [await user('stranger'), await user('nobody'), await user('given')]
  const grant = (of: object) => cloud.request('POST', '/v1/role-grants', { body: of })
  await grant({ user_id: stranger, role: 'member', scope: 'project', project_id: elsewhere })
  const everything = [address, mac, String(floating.address), id, 'blue', 'h1', port_id]
  for (const token of [await cloud.tokenOf(stranger, elsewhere), await cloud.tokenOf(nobody)]) {
    for (const text of everything) assert.deepEqual(await search(text, { token }), [], text)
    assert.deepEqual(await search(id, { token, query: '&all_projects=true' }), [])
  }
  await grant({ user_id: given, role: 'operator', scope: 'instance', instance_id: id })
  const token = await cloud.tokenOf(given, String((made.items[0] as { project_id: string }).project_id))
  for (const text of [address, id, mac])
    assert.deepEqual(
      (await search(text, { token })).map(one => one.noun),
      ['instance'],
    )
  assert.deepEqual(said(await search('blue', { token })), ['instance blue-1 by name'])
  const admin = await cloud.tokenOf(cloud.admin_user_id, elsewhere)
  assert.deepEqual(await search(address, { token: admin }), [])
  assert.deepEqual(
    (await search(address, { token: admin, query: '&all_projects=true' })).map(one => one.noun),
    ['instance', 'port'],
  )
  const nowhere = await cloud.tokenOf(cloud.admin_user_id)
  assert.deepEqual(
    (await search(address, { token: nowhere, query: '&all_projects=true' })).map(one => one.noun),
    ['instance', 'port'],
    'who runs the cloud, signed in to no project',
  )
  assert.deepEqual(await search(address, { token: nowhere }), [])
})
