/**
 * What a transaction costs with our OVSDB client on OVN's northbound database, beside ovn-nbctl, which starts a process for
 * each; and what it costs to bring a whole logical network up to date.
 */
import { apply } from '../src/controller/ovn/apply.ts'
import { diff } from '../src/controller/ovn/diff.ts'
import { plan } from '../src/controller/ovn/index.ts'
import { northbound } from '../src/controller/ovn/schema.ts'
import { connectOvsdb, operations as op } from '../src/lib/ovsdb/index.ts'
import { port, uuid } from '../test/support/ovn-topology.ts'
import { run, startOvsdbServer } from '../test/support/ovsdb-server.ts'

const ports = 10_000

export async function bench(): Promise<{ name: string; value: number; unit: string }[]> {
  await using server = await startOvsdbServer('/usr/share/ovn/ovn-nb.ovsschema')
  const nb = await connectOvsdb({ remotes: [server.remote], database: northbound })
  try {
    await nb.transact([op.insert('NB_Global', {})])
    let i = 0
    const transact = () =>
      nb.transact([op.insert('DNS', { records: { name: `n${i++}` }, external_ids: { bench: 'x' } })])
    await repeat(1000, 8, transact)
    const rate = await repeat(8000, 8, transact)
    const alone = await repeat(2000, 1, transact)
    const nbctl = await repeat(20, 1, () => run('ovn-nbctl', [`--db=${server.remote}`, 'create', 'DNS', 'records:a=b']))
    const network = await wholeNetwork(nb)
    return [
      { name: 'ovsdb.transact_rate', value: rate, unit: '/s' },
      { name: 'ovsdb.transact_mean', value: 1000 / alone, unit: 'ms' },
      { name: 'ovsdb.nbctl_ratio', value: alone / nbctl, unit: 'x' },
      ...network,
    ]
  } finally {
    nb.close()
  }
}

/** 10,000 ports in 100 networks with one security group: made from nothing, then one port more. */
async function wholeNetwork(nb: Awaited<ReturnType<typeof connectOvsdb<typeof northbound>>>) {
  const group = { id: uuid(4, 0), rules: [] }
  const networks = Array.from({ length: 100 }, (_, n) => ({
    id: uuid(1, n),
    kind: 'overlay' as const,
    mtu: 1442,
    physical_network: null,
    vlan: null,
  }))
  const subnets = networks.map(({ id }, n) => ({
    id: uuid(2, n),
    network_id: id,
    cidr: `10.${n}.0.0/16`,
    gateway: `10.${n}.0.1`,
    dns: [],
    host_routes: [],
    dhcp: true,
  }))
  const many = Array.from({ length: ports + 1 }, (_, p) => {
    const [n, host] = [p % 100, Math.floor(p / 100) + 10]
    const mac = `52:54:00:${[p >> 16, p >> 8, p].map(byte => (byte & 255).toString(16).padStart(2, '0')).join(':')}`
    const addresses = [{ subnet_id: uuid(2, n), address: `10.${n}.1.${host}` }]
    return port({
      id: uuid(3, p),
      network_id: uuid(1, n),
      mac,
      addresses,
      security_group_ids: [group.id],
      hostname: `vm-${p}`,
    })
  })
  const topology = { networks, subnets, ports: many, routers: [], floating_ips: [], security_groups: [group] }
  const pass = async (count: number) => {
    const start_ms = performance.now()
    const { rows } = plan({ ...topology, ports: many.slice(0, count) })
    await apply(nb, diff(rows, nb.replica))
    return performance.now() - start_ms
  }
  const first_ms = await pass(ports)
  const one_ms = await pass(ports + 1)
  return [
    { name: 'ovn.first_ports_rate', value: ports / (first_ms / 1000), unit: '/s' },
    { name: 'ovn.pass_at_10k_ports', value: one_ms, unit: 'ms' },
  ]
}

/** Calls a second. */
async function repeat(count: number, at_once: number, call: () => Promise<unknown>): Promise<number> {
  const start_ms = performance.now()
  let left = count
  const worker = async () => {
    while (left-- > 0) await call()
  }
  await Promise.all(Array.from({ length: at_once }, worker))
  return count / ((performance.now() - start_ms) / 1000)
}
