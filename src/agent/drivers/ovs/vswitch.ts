/**
 * Bridges, ports and settings of the local Open vSwitch, by its database: each `ensure…` compares with the replica, writes
 * only what differs and returns once ovs-vswitchd has carried it out. What this driver made carries a mark, and only what
 * carries it is ever changed or removed; but for ports that libvirt made (lost-ports.ts).
 * Not its job: what a host needs (chassis.ts, external-network.ts).
 */
import { type Database, type Operation, operationsFor, type Row } from '../../../lib/ovsdb/index.ts'
import { Away, Failure } from '../../ports.ts'
import { type VswitchSchema, vswitchSchema } from './schema.ts'

export type Datapath = 'system' | 'netdev'

export type BridgeSpec = {
  readonly name: string
  readonly datapath: Datapath
  /** 'standalone' learns addresses like any switch; 'secure' forwards nothing until a controller says so. */
  readonly fail_mode: 'standalone' | 'secure'
  readonly other_config?: Readonly<Record<string, string>>
  readonly mtu?: number
}

export type PortSpec = {
  readonly bridge: string
  readonly name: string
  /** Of the interface: `iface-id` binds it to a logical switch port. */
  readonly external_ids?: Readonly<Record<string, string>>
}

const ops = operationsFor(vswitchSchema)
const mark = { key: 'croft', value: 'made' } as const
const configured_timeout_ms = 20_000

export class Vswitch {
  readonly #db: Database<VswitchSchema>

  constructor(db: Database<VswitchSchema>) {
    this.#db = db
  }

  /** The one row of settings. ovs-vsctl would make it on `init`; so does `start`. */
  get settings(): Row<VswitchSchema, 'Open_vSwitch'> {
    const [row] = this.#db.replica.table('Open_vSwitch').values()
    if (!row) throw new Away('The Open vSwitch database is empty; the agent fills it when it starts')
    return row
  }

  async start(): Promise<void> {
    if (this.#db.replica.table('Open_vSwitch').size > 0) return
    await this.#db.transact([ops.insert('Open_vSwitch', {})])
  }

  bridge(name: string): Row<VswitchSchema, 'Bridge'> | undefined {
    return this.#db.replica.find('Bridge', { name })
  }

  port(name: string): Row<VswitchSchema, 'Port'> | undefined {
    return this.#db.replica.find('Port', { name })
  }

  interface(name: string): Row<VswitchSchema, 'Interface'> | undefined {
    return this.#db.replica.find('Interface', { name })
  }

  /** Interfaces whose external_ids have `key`. */
  interfacesWith(key: string): Row<VswitchSchema, 'Interface'>[] {
    return [...this.#db.replica.table('Interface').values()].filter(row => row.external_ids.has(key))
  }

  isOurs(row: { readonly external_ids: ReadonlyMap<string, string> }): boolean {
    return row.external_ids.get(mark.key) === mark.value
  }

  /** A bridge that someone else made is used as it is, if its datapath fits. */
  async ensureBridge(spec: BridgeSpec): Promise<void> {
    const found = this.bridge(spec.name)
    if (!found) return await this.#addBridge(spec)
    const fits = (found.datapath_type || 'system') === spec.datapath
    if (!this.isOurs(found)) {
      if (fits) return
      // Debian's ovn-controller makes br-int as soon as its package is there, before anybody says on which datapath.
      if (spec.fail_mode === 'secure' && this.#isUnused(found)) {
        const row = { datapath_type: spec.datapath }
        return await this.#configure([ops.update('Bridge', [['_uuid', '==', found._uuid]], row)])
      }
      throw new Failure(
        `Bridge ${spec.name} exists with datapath "${found.datapath_type || 'system'}", and this host's networks use "${spec.datapath}"; patch ports do not join the two. Change it (ovs-vsctl set bridge ${spec.name} datapath_type=${spec.datapath}) or name another bridge.`,
      )
    }
    const other = Object.entries(spec.other_config ?? {})
    const same = fits && found.fail_mode === spec.fail_mode && other.every(([k, v]) => found.other_config.get(k) === v)
    if (!same) {
      const other_config = { ...Object.fromEntries(found.other_config), ...spec.other_config }
      const row = { datapath_type: spec.datapath, fail_mode: spec.fail_mode, other_config }
      await this.#configure([ops.update('Bridge', [['_uuid', '==', found._uuid]], row)])
    }
    const device = this.interface(spec.name)
    if (device && spec.mtu !== undefined && device.mtu_request !== spec.mtu)
      await this.#configure([ops.update('Interface', [['_uuid', '==', device._uuid]], { mtu_request: spec.mtu })])
  }

  /** It forwards nothing of itself, and nothing is plugged into it. */
  #isUnused({ name, fail_mode, ports }: Row<VswitchSchema, 'Bridge'>): boolean {
    return fail_mode === 'secure' && [...ports].every(port => this.port(name)?._uuid === port)
  }

  async #addBridge(spec: BridgeSpec): Promise<void> {
    const { name, datapath, fail_mode, other_config = {}, mtu } = spec
    const external_ids = { [mark.key]: mark.value }
    await this.#configure([
      ops.insert('Interface', { name, type: 'internal', ...(mtu && { mtu_request: mtu }) }, 'interface'),
      ops.insert('Port', { name, interfaces: ['interface'] }, 'port'),
      ops.insert(
        'Bridge',
        { name, datapath_type: datapath, fail_mode, ports: ['port'], other_config, external_ids },
        'bridge',
      ),
      ops.mutate('Open_vSwitch', [['_uuid', '==', this.settings._uuid]], ['bridges', 'insert', ['bridge']]),
    ])
    this.#check(name)
  }

  /** Removes a bridge of ours with its ports; one that is not ours, or not there, is left alone. */
  async removeBridge(name: string): Promise<void> {
    const found = this.bridge(name)
    if (!found || !this.isOurs(found)) return
    await this.#configure([
      ops.mutate('Open_vSwitch', [['_uuid', '==', this.settings._uuid]], ['bridges', 'delete', [found._uuid]]),
    ])
  }

  /** Joins a device of the kernel to a bridge. Waits until it has its OpenFlow port. */
  async ensurePort(spec: PortSpec): Promise<void> {
    const bridge = this.bridge(spec.bridge)
    if (!bridge) throw new Failure(`There is no bridge ${spec.bridge} to join ${spec.name} to`)
    const external_ids = { ...spec.external_ids, [mark.key]: mark.value }
    const port = this.port(spec.name)
    const device = this.interface(spec.name)
    const same =
      port && device && bridge.ports.has(port._uuid) && sameEntries(device.external_ids, spec.external_ids ?? {})
    if (!same) {
      const replaced = port ? [...this.#bridgesOf(port._uuid)] : []
      await this.#configure([
        ...replaced.map(uuid =>
          ops.mutate('Bridge', [['_uuid', '==', uuid]], ['ports', 'delete', [port?._uuid ?? '']]),
        ),
        ops.insert('Interface', { name: spec.name, external_ids }, 'interface'),
        ops.insert(
          'Port',
          { name: spec.name, interfaces: ['interface'], external_ids: { [mark.key]: mark.value } },
          'port',
        ),
        ops.mutate('Bridge', [['_uuid', '==', bridge._uuid]], ['ports', 'insert', ['port']]),
      ])
    }
    await this.until(`port ${spec.name} joins bridge ${spec.bridge}`, () => {
      this.#check(spec.name)
      return (this.interface(spec.name)?.ofport ?? -1) > 0
    })
  }

  /** Whether the port of this name is one of the bridge. */
  joins(bridge: string, name: string): boolean {
    const port = this.port(name)
    return port !== undefined && this.bridge(bridge)?.ports.has(port._uuid) === true
  }

  async removePorts(names: readonly string[]): Promise<void> {
    const ports = names.flatMap(name => this.port(name)?._uuid ?? [])
    const remove = ports.flatMap(port =>
      [...this.#bridgesOf(port)].map(uuid =>
        ops.mutate('Bridge', [['_uuid', '==', uuid]], ['ports', 'delete', [port]]),
      ),
    )
    if (remove.length > 0) await this.#configure(remove)
  }

  /** Notes something on a bridge of ours; undefined takes the note away. */
  async note(bridge: string, key: string, value: string | undefined): Promise<void> {
    const found = this.bridge(bridge)
    if (!found || found.external_ids.get(key) === value) return
    const external_ids = Object.fromEntries([...found.external_ids].filter(([name]) => name !== key))
    if (value !== undefined) external_ids[key] = value
    await this.#db.transact([ops.update('Bridge', [['_uuid', '==', found._uuid]], { external_ids })])
  }

  /** Sets external_ids of the whole switch, and removes those given as undefined; all others are left alone. */
  async set(wanted: Readonly<Record<string, string | undefined>>): Promise<void> {
    const { external_ids, _uuid } = this.settings
    const differ = Object.entries(wanted).filter(([key, value]) => external_ids.get(key) !== value)
    if (differ.length === 0) return
    const add = Object.fromEntries(differ.flatMap(([key, value]) => (value === undefined ? [] : [[key, value]])))
    await this.#configure([
      ops.mutate(
        'Open_vSwitch',
        [['_uuid', '==', _uuid]],
        ['external_ids', 'delete', differ.map(([key]) => key)],
        ['external_ids', 'insert', add],
      ),
    ])
  }

  /** The key and certificates with which ovn-controller reaches an `ssl:` remote; paths of PEM files. */
  async setTls(files: { readonly key: string; readonly cert: string; readonly ca: string }): Promise<void> {
    const row = { private_key: files.key, certificate: files.cert, ca_cert: files.ca }
    const { ssl, _uuid } = this.settings
    const found = ssl === undefined ? undefined : this.#db.replica.row('SSL', ssl)
    if (!found) {
      const link = ops.update('Open_vSwitch', [['_uuid', '==', _uuid]], { ssl: 'ssl' })
      await this.#configure([ops.insert('SSL', row, 'ssl'), link])
    } else if (
      found.private_key !== row.private_key ||
      found.certificate !== row.certificate ||
      found.ca_cert !== row.ca_cert
    )
      await this.#configure([ops.update('SSL', [['_uuid', '==', found._uuid]], row)])
  }

  /** Resolves as soon as `condition` holds for the replica; throws what it throws. */
  async until(what: string, condition: () => boolean, timeout_ms = configured_timeout_ms): Promise<void> {
    if (condition()) return
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const look = () => {
      try {
        if (condition()) resolve()
      } catch (error) {
        reject(error)
      }
    }
    const late = () =>
      reject(new Away(`Waited ${timeout_ms} ms in vain until ${what}: is ovs-vswitchd running? See its log.`))
    const timer = setTimeout(late, timeout_ms)
    this.#db.on('change', look)
    this.#db.on('connected', look)
    await promise.finally(() => {
      clearTimeout(timer)
      this.#db.off('change', look)
      this.#db.off('connected', look)
    })
  }

  *#bridgesOf(port_uuid: string): Generator<string> {
    for (const [uuid, bridge] of this.#db.replica.table('Bridge')) if (bridge.ports.has(port_uuid)) yield uuid
  }

  /** Commits, and waits until ovs-vswitchd says that it has carried this configuration out. */
  async #configure(operations: readonly Operation[]): Promise<void> {
    const count = ops.mutate('Open_vSwitch', [['_uuid', '==', this.settings._uuid]], ['next_cfg', '+=', 1])
    await this.#db.transact([...operations, count])
    const wanted = this.settings.next_cfg
    await this.until('ovs-vswitchd has carried out a change', () => this.settings.cur_cfg >= wanted)
  }

  #check(name: string): void {
    const error = this.interface(name)?.error
    if (error) throw new Failure(`Open vSwitch could not open ${name}: ${error}`)
  }
}

/** All of `wanted` is in `found`; what ovn-controller or libvirt notes beside it does not matter. */
function sameEntries(found: ReadonlyMap<string, string>, wanted: Readonly<Record<string, string>>): boolean {
  return Object.entries(wanted).every(([key, value]) => found.get(key) === value)
}
