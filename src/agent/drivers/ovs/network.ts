/**
 * The agent's network driver: joins the host to the logical networks through Open vSwitch and OVN, makes the way outside
 * where this host is it, and gives each network with guests here its metadata namespace. Everything is compared first, so
 * a pass over what is already there writes nothing.
 *
 * Not its job: starting the daemons, plugging guests (libvirt does, by the port's UUID as interfaceid), answering metadata
 * requests, and deciding when to run (reconcilers/network.ts).
 */
import { readFile } from 'node:fs/promises'
import type net from 'node:net'
import { basename, dirname } from 'node:path'
import { forwardingBlockers, readChains } from '../../../lib/linuxnet/nft.ts'
import { ProgramFailure, runProgram } from '../../../lib/linuxnet/program.ts'
import { type Change, OvsdbClient } from '../../../lib/ovsdb/index.ts'
import type { WantedHost, WantedNetwork } from '../../../protocol/wanted.ts'
import { Away, type Network } from '../../ports.ts'
import { replaceFile } from '../state-directory.ts'
import { type ChassisSettings, chassisKeys, ensureChassis, integration_bridge, tunnel_bridge } from './chassis.ts'
import { chooseDatapath, type DatapathChoice } from './datapath.ts'
import { ensureExternalNetwork, hasExternalRules, removeExternalNetwork } from './external-network.ts'
import { removeLostPorts } from './lost-ports.ts'
import { MetadataNamespaces } from './metadata-namespace.ts'
import { vswitchSchema } from './schema.ts'
import { removeTunnelNic } from './tunnel-nic.ts'
import { type Datapath, Vswitch } from './vswitch.ts'

export type OvsOptions = {
  /** Open vSwitch's run directory, where db.sock is: /run/openvswitch. */
  readonly run_dir: string
  readonly system_id: string
  readonly hostname: string
  /**
   * Where ovs-ctl(8) keeps the system id that it sets at each start of Open vSwitch: /etc/openvswitch/system-id.conf. Debian's
   * units let it invent one, under which ovn-controller would be a second chassis with this host's tunnel address.
   */
  readonly system_id_file?: string
  /** Any address of this host that the other hosts reach. */
  readonly tunnel_address: string
  readonly tunnel_nic?: string
  readonly datapath: DatapathChoice
  readonly southbound_tls?: ChassisSettings['southbound_tls']
  readonly monitor_all?: boolean
  /** The physical network behind `external_gateway`. Default 'external'. */
  readonly external_network?: string
  readonly serveMetadata: (network_id: string, server: net.Server) => void
  /** Called when something may have undone a part of the work (a bridge's device is a new one): apply again. */
  readonly wake: () => void
}

export type OvsFacts = {
  readonly ovs_version: string
  readonly ovn_version: string
  readonly datapath: Datapath
  readonly tunnel_address: string
  /** What will not work on this host, and what to do about it. */
  readonly warnings: readonly string[]
}

export class OvsNetwork implements Network {
  readonly #options: OvsOptions
  readonly #client: OvsdbClient<typeof vswitchSchema>
  readonly #vswitch: Vswitch
  #metadata: MetadataNamespaces | undefined
  #datapath: Datapath | undefined
  #external_bridge: string | undefined
  #last_pass: Promise<void> = Promise.resolve()

  constructor(options: OvsOptions) {
    this.#options = options
    this.#client = new OvsdbClient({ remotes: [`unix:${options.run_dir}/db.sock`], database: vswitchSchema })
    this.#vswitch = new Vswitch(this.#client)
    this.#client.on('change', changes => {
      if (changes.some(change => this.#lostDevice(change))) options.wake()
    })
    this.#client.on('connected', () => options.wake())
  }

  apply(host: WantedHost | null, networks: readonly WantedNetwork[]): Promise<void> {
    return this.#alone(() => this.#apply(host, networks))
  }

  async #apply(host: WantedHost | null, networks: readonly WantedNetwork[]): Promise<void> {
    const datapath = await this.#ready()
    if (host) await this.#applyHost(host, datapath)
    // Without a bridge to plug them into there is nothing that could reach a namespace.
    if (!this.#vswitch.bridge(integration_bridge)) return
    await removeLostPorts(this.#vswitch, integration_bridge)
    this.#metadata ??= new MetadataNamespaces({
      vswitch: this.#vswitch,
      datapath,
      serve: this.#options.serveMetadata,
    })
    const failures: unknown[] = []
    for (const network of networks) {
      try {
        await this.#metadata.ensure({
          network_id: network.network_id,
          port_id: network.metadata_port_id,
          mac: network.metadata_mac,
          addresses: network.metadata_addresses,
          mtu: network.mtu,
        })
      } catch (error) {
        // One network's trouble is not the others'.
        failures.push(error)
      }
    }
    await this.#metadata.keepOnly(new Set(networks.map(({ network_id }) => network_id)))
    if (failures.length === 1) throw failures[0]
    if (failures.length > 1) throw new AggregateError(failures, failures.map(String).join('; '))
  }

  async facts(): Promise<OvsFacts> {
    const datapath = await this.#ready()
    const chains = await readChains()
    const warnings = forwardingBlockers(chains)
    // A reload of the system's own firewall may flush everybody's rules.
    if (this.#external_bridge !== undefined && !hasExternalRules(chains)) this.#options.wake()
    if (datapath === 'netdev' && this.#options.tunnel_nic === undefined)
      warnings.push(
        'Open vSwitch runs in user space here, as the kernel lacks its module, and no NIC was given to it: guests of this host do not reach guests of other hosts. Load the module, or name a tunnel NIC.',
      )
    return {
      ovs_version: await versionOf('ovs-vswitchd'),
      ovn_version: await versionOf('ovn-controller'),
      datapath,
      tunnel_address: this.#options.tunnel_address,
      warnings,
    }
  }

  /**
   * Takes away everything that this driver made: namespaces, addresses, rules, bridges, settings. Guests lose their
   * network. Stop ovn-controller first, or it makes its bridge again.
   */
  teardown(): Promise<void> {
    return this.#alone(() => this.#teardown())
  }

  async #teardown(): Promise<void> {
    const datapath = await this.#ready()
    const metadata =
      this.#metadata ??
      new MetadataNamespaces({ vswitch: this.#vswitch, datapath, serve: (_, server) => server.close() })
    await metadata.keepOnly(new Set())
    const mappings = this.#vswitch.settings.external_ids.get('ovn-bridge-mappings') ?? ''
    const bridges = mappings.split(',').flatMap(pair => pair.split(':')[1] ?? [])
    for (const bridge of bridges)
      if (this.#vswitch.bridge(bridge)?.external_ids.has(external_note))
        await removeExternalNetwork(this.#vswitch, bridge)
    await this.#vswitch.set(Object.fromEntries(chassisKeys.map(key => [key, undefined])))
    const nic = this.#options.tunnel_nic
    if (nic !== undefined && datapath === 'netdev') await removeTunnelNic(this.#vswitch, { nic, bridge: tunnel_bridge })
    for (const bridge of [...bridges, integration_bridge]) await this.#vswitch.removeBridge(bridge)
  }

  /** Stops listening and lets go of the database; what was made stays, and guests keep their network. */
  close(): void {
    this.#metadata?.close()
    this.#client.close()
  }

  /** Passes compare before they write, so two at once would each write what the other has just written. */
  #alone(pass: () => Promise<void>): Promise<void> {
    const next = this.#last_pass.then(pass)
    this.#last_pass = next.catch(() => undefined)
    return next
  }

  async #ready(): Promise<Datapath> {
    try {
      await this.#client.ready()
    } catch (cause) {
      throw new Away(
        `Open vSwitch's database does not answer at ${this.#options.run_dir}/db.sock; it is tried again: ${String(cause)}`,
        { cause },
      )
    }
    await this.#vswitch.start()
    this.#datapath ??= await chooseDatapath(this.#options.datapath)
    return this.#datapath
  }

  async #applyHost(host: WantedHost, datapath: Datapath): Promise<void> {
    const { external_network = 'external', ...options } = this.#options
    if (options.system_id_file !== undefined) await keepSystemId(options.system_id_file, options.system_id)
    await ensureChassis(this.#vswitch, {
      system_id: options.system_id,
      hostname: options.hostname,
      tunnel_address: options.tunnel_address,
      southbound: host.ovn_southbound,
      physical_networks: host.physical_networks,
      datapath,
      ...(options.southbound_tls && { southbound_tls: options.southbound_tls }),
      ...(options.tunnel_nic !== undefined && { tunnel_nic: options.tunnel_nic }),
      ...(options.monitor_all !== undefined && { monitor_all: options.monitor_all }),
    })
    const bridge = host.physical_networks[external_network]
    this.#external_bridge = host.external_gateway === null ? undefined : bridge
    if (bridge === undefined) return
    if (host.external_gateway !== null) {
      await ensureExternalNetwork(this.#vswitch, { bridge, gateway: host.external_gateway, datapath })
      await this.#vswitch.note(bridge, external_note, host.external_gateway)
    } else if (this.#vswitch.bridge(bridge)?.external_ids.has(external_note)) {
      await removeExternalNetwork(this.#vswitch, bridge)
      await this.#vswitch.note(bridge, external_note, undefined)
    }
  }

  /** ovs-vswitchd made a bridge's device anew, so its addresses are gone. (Its mere restart leaves devices as they are.) */
  #lostDevice({ table, before, after }: Change): boolean {
    if (table !== 'Interface' || !before || !after || before.ifindex === after.ifindex) return false
    return after.ifindex !== undefined && (after.name === this.#external_bridge || after.name === tunnel_bridge)
  }
}

/** On the external bridge, while this host is the way outside. */
const external_note = 'croft-external-gateway'

async function keepSystemId(file: string, system_id: string): Promise<void> {
  const there = await readFile(file, 'utf8').catch((): string => '')
  if (there.trim() !== system_id) await replaceFile(dirname(file), basename(file), `${system_id}\n`)
}

/** First line of `--version`: name, then version, possibly with words between; empty when it is not installed. */
async function versionOf(program: string): Promise<string> {
  try {
    return /\d+\.\d+\S*/.exec(await runProgram([program, '--version']))?.[0] ?? ''
  } catch (error) {
    if (error instanceof ProgramFailure) return ''
    throw error
  }
}
