/**
 * What a transaction costs with our OVSDB client on OVN's northbound database, beside ovn-nbctl, which starts a process for
 * each; and what it costs to bring a whole logical network up to date.
 */
import { apply } from '../src/controller/ovn/apply.ts'
import { diff } from '../src/controller/ovn/diff.ts'
import { plan } from '../src/controller/ovn/index.ts'
import { northbound } from '../src/controller/ovn/schema.ts'
import type { Role } from '../src/host/packages.ts'
import { connectOvsdb, operations as op } from '../src/lib/ovsdb/index.ts'
import { port, uuid } from '../test/support/ovn-topology.ts'
import { run as runProgram, startOvsdbServer } from '../test/support/ovsdb-server.ts'
import type { BenchContext, FigureSpec } from './figures.ts'

const ports = 10_000

export const packages_of: readonly Role[] = ['controller']

export const figures: readonly FigureSpec[] = [
  { name: 'ovsdb.transact_rate', unit: '/s', better: 'more' },
  { name: 'ovsdb.transact_mean', unit: 'ms', better: 'less' },
  { name: 'ovsdb.nbctl_ratio', unit: 'x', better: 'less' },
  { name: 'ovn.first_ports_rate', unit: '/s', better: 'more' },
  { name: 'ovn.pass_at_10k_ports', unit: 'ms', better: 'less' },
]

export async function run({ report, wants }: BenchContext): Promise<void> {
  await using server = await startOvsdbServer('/usr/share/ovn/ovn-nb.ovsschema')
  const nb = await connectOvsdb({ remotes: [server.remote], database: northbound })
  try {
    await nb.transact([op.insert('NB_Global', {})])
    if (wants('ovsdb.')) await transactions(nb, server.remote, report)
    if (wants('ovn.')) await wholeNetwork(nb, report)
  } finally {
    nb.close()
  }
}

type Northbound = Awaited<ReturnType<typeof connectOvsdb<typeof northbound>>>

async function transactions(nb: Northbound, remote: string, report: BenchContext['report']): Promise<void> {
  let i = 0
  const transact = () => nb.transact([op.insert('DNS', { records: { name: `n${i++}` }, external_ids: { bench: 'x' } })])
  await repeat(1000, 8, transact)
  const rate = await repeat(8000, 8, transact)
  const alone = await repeat(2000, 1, transact)
  const nbctl = await repeat(20, 1, () => runProgram('ovn-nbctl', [`--db=${remote}`, 'create', 'DNS', 'records:a=b']))
  report({ name: 'ovsdb.transact_rate', value: rate })
  report({ name: 'ovsdb.transact_mean', value: 1000 / alone })
  report({ name: 'ovsdb.nbctl_ratio', value: alone / nbctl })
}

/** 10,000 ports in 100 networks with one security group: made from nothing, then one port more. */
async function wholeNetwork(nb: Northbound, report: BenchContext['report']): Promise<void> {
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
  report({ name: 'ovn.first_ports_rate', value: ports / (first_ms / 1000) })
  report({ name: 'ovn.pass_at_10k_ports', value: one_ms })
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
