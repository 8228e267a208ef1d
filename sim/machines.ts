/**
 * The machines of a playground: in real time, on one network on which each reaches the others, and with one pool for all of them if
 * they share it. Not its job: what happens to them (switchboard.ts), and how more of them join (newcomers.ts).
 */
import { type Cloud, makeId } from '../src/controller/cloud.ts'
import type { Log } from '../src/agent/ports.ts'
import { realClock } from '../src/lib/clock.ts'
import { clockWhile } from './clock.ts'
import { factsOf } from './facts.ts'
import { SimulatedHost } from './host.ts'
import { MovingGround } from './mover.ts'
import type { Wires } from './network.ts'
import { plainOfHost } from './plain-log.ts'
import { seeded } from './random.ts'

interface Machine {
  /** Of the host that it is. */
  id: string
  name: string
  hostname: string
  machine_id: string
  tunnel_address: string
}

const size = { cpus: 64, memory_mib: 262_144, pool_gib: 10_000 }
const pool_id = '00000000-0000-7000-9000-000000000001'
const logOf = (name: string): Log => ({
  debug() {},
  info() {},
  warn() {},
  error: (detail, text) => console.error(plainOfHost(name, detail, text)),
})

export class Machines {
  /** By the names that they have in the cloud. */
  readonly hosts = new Map<string, SimulatedHost>()
  private readonly byAddress = new Map<string, SimulatedHost>()
  private readonly ground = new MovingGround()
  private readonly pool = { volumes: new Map<string, string>(), configs: new Set<string>() }
  private addresses = 0

  /** Registers so many and switches them on. `shared_pool`: their disks are in one pool that all of them reach. */
  async add(cloud: Cloud, count: number, shared_pool: boolean, dialler: ReturnType<Wires['dialler']>): Promise<void> {
    const { db } = cloud.database
    const cluster = await db.selectFrom('cluster').select('id').executeTakeFirstOrThrow()
    // In the order of their names, though all are of one moment.
    const ids = Array.from({ length: count }, () => makeId<never>(cloud) as string).sort()
    const machines = ids.map((id, n): Machine => {
      const name = `host-${n + 1}`
      const { machine_id } = factsOf(name)
      return { id, name, hostname: name, machine_id, tunnel_address: this.nextAddress() }
    })
    const rows = machines.map(({ id, name, machine_id, tunnel_address }) => ({
      ...{ id, name, machine_id, tunnel_address },
      cluster_id: cluster.id,
      certificate_sha256: Buffer.from(name),
    }))
    await db.insertInto('host').values(rows).execute()
    for (const machine of machines) this.run(machine, shared_pool, dialler)
  }

  /** Another one for each machine, of the network for tests (RFC 2544). */
  nextAddress(): string {
    const n = ++this.addresses
    return `198.${18 + (n >> 16)}.${(n >> 8) & 255}.${n & 255}`
  }

  /** A machine with an empty disk, but for a pool that it shares, is this host from now on. */
  run(machine: Machine, shared_pool: boolean, dialler: ReturnType<Wires['dialler']>): SimulatedHost {
    const { id, name, hostname, machine_id, tunnel_address } = machine
    const facts = { hostname, machine_id, tunnel_address }
    const host = new SimulatedHost({
      id,
      name,
      facts: factsOf(name, { ...size, ...(shared_pool && { pool_id }), facts }),
      ...(shared_pool && { pool: this.pool }),
      reaches: address => this.lives(address),
      random: seeded(name),
      log: logOf(name),
      clockOf: alive => clockWhile(realClock, alive),
      measures: true,
      ground: this.ground,
      dialler,
    })
    this.byAddress.set(tunnel_address, host)
    this.hosts.set(name, host)
    host.powerOn()
    return host
  }

  private lives(address: string): boolean {
    const host = this.byAddress.get(address)
    return host !== undefined && host.powered && !host.cut
  }
}
