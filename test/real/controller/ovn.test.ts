/** From the database to OVN's northbound database, both real: what the API makes is what OVN gets. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ensureDefaultNetwork } from '../../../src/controller/app/default-network.ts'
import { releasePorts } from '../../../src/controller/app/instance-ports.ts'
import { emptyTopology, plan } from '../../../src/controller/ovn/index.ts'
import { reconcileNetworks } from '../../../src/controller/reconcilers/ovn.ts'
import { chassisOf, loadTopology } from '../../../src/controller/store/topology.ts'
import type { OvsdbClient } from '../../../src/lib/ovsdb/index.ts'
import type { Northbound } from '../../../src/controller/ovn/index.ts'
import { networkCloud } from '../../support/network-api.ts'
import { startOvnCentral } from '../../support/ovn-central.ts'

const asked = {
  external_cidr: '172.24.4.0/24',
  external_gateway: '172.24.4.1',
  physical_network: 'external',
  dns: ['192.0.2.53'],
}

/** Resolves when the replica shows what is looked for; each change is looked at. */
function until(nb: OvsdbClient<Northbound>, found: () => boolean): Promise<void> {
  return new Promise(resolve => {
    const look = () => {
      if (!found()) return
      nb.off('change', look)
      resolve()
    }
    nb.on('change', look)
    look()
  })
}

test('the default networks are made once, whoever asks and however often, and hold together', async () => {
  await using cloud = await networkCloud()
  const before = await loadTopology(cloud.cloud.database.db)
  assert.equal(before.security_groups.length, 1, "only the project's default group")
  assert.deepEqual({ ...before, security_groups: [] }, emptyTopology)
  const made = await Promise.all(Array.from({ length: 4 }, () => ensureDefaultNetwork(cloud.cloud, asked)))
  assert.equal(new Set(made.map(each => JSON.stringify(each))).size, 1)
  assert.deepEqual(await ensureDefaultNetwork(cloud.cloud, asked), made[0])
  const { items } = await cloud.ask('GET', 'networks', 200)
  assert.deepEqual(items.map((network: Record<string, unknown>) => network.name).sort(), ['default', 'external'])
  const [one] = await cloud.instances(made[0]?.network_id ?? '', 1)
  const floating = await cloud.post('floating-ips', { instance_id: one?.instance_id })
  assert.match(floating.address, /^172\.24\.4\./)
  const topology = await loadTopology(cloud.cloud.database.db)
  assert.deepEqual(plan(topology).problems, [])
  assert.deepEqual([topology.routers.length, topology.floating_ips.length, topology.networks.length], [1, 1, 2])
  assert.equal(topology.subnets.find(subnet => subnet.dhcp)?.dns[0], '192.0.2.53')
})

test('an external network in the way of 10.0.0.0/20 moves the default one aside', async () => {
  await using cloud = await networkCloud()
  await ensureDefaultNetwork(cloud.cloud, { ...asked, external_cidr: '10.0.4.0/24', external_gateway: '10.0.4.1' })
  const { items } = await cloud.ask('GET', 'subnets?name=default', 200)
  assert.equal(items[0].cidr, '172.30.0.0/20')
})

test('gateways stay on the same hosts, spread over all, and leave those long gone', () => {
  const hosts = Array.from({ length: 20 }, (_, i) => ({ id: `host-${i}`, seen: i !== 7 }))
  const chosen = Array.from({ length: 200 }, (_, i) => chassisOf(`router-${i}`, hosts))
  assert.deepEqual(
    chosen,
    Array.from({ length: 200 }, (_, i) => chassisOf(`router-${i}`, hosts.toReversed())),
  )
  assert.ok(chosen.every(three => three.length === 3 && !three.includes('host-7')))
  assert.equal(new Set(chosen.map(([first]) => first)).size, 19)
  assert.deepEqual(chassisOf('r', [{ id: 'only', seen: false }]), ['only'])
})

test('changes through the API reach OVN by themselves, and go from it again', async () => {
  await using central = await startOvnCentral()
  await using cloud = await networkCloud()
  const nb = await central.connect()
  const stop = new AbortController()
  const running = reconcileNetworks(cloud.cloud, central.northbound, stop.signal)
  try {
    const { network_id } = await ensureDefaultNetwork(cloud.cloud, asked)
    const [one] = await cloud.instances(network_id, 1)
    assert.ok(one)
    const ports = () => [...nb.replica.table('Logical_Switch_Port').values()]
    await until(nb, () => ports().some(port => port.name === one.port_id))
    await cloud.post('floating-ips', { instance_id: one.instance_id, address: '172.24.4.77' })
    await until(nb, () => [...nb.replica.table('NAT').values()].some(nat => nat.external_ip === '172.24.4.77'))
    const { database } = cloud.cloud
    await database.transaction(tx => releasePorts(tx, [one.instance_id], null))
    await until(nb, () => !ports().some(port => port.name === one.port_id))
    assert.ok(![...nb.replica.table('NAT').values()].some(nat => nat.external_ip === '172.24.4.77'))
  } finally {
    stop.abort()
    await running
    nb.close()
  }
})
