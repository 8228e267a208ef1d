/**
 * One network namespace for each logical network with guests on this host: in it 169.254.169.254, behind the network's OVN
 * localport, so that guests of different networks may have the same addresses and never see each other's data. The agent
 * listens in there (lib/netns) from its own process; a veth pair joins it to br-int, which unlike an OVS internal port
 * survives a restart of ovs-vswitchd.
 *
 * Not its job: what is answered there, and the logical localport, which is the controller's.
 */
import type net from 'node:net'
import { deleteLink, finishChecksums, ipBatch, type Link, listNamespaces, readLinks } from '../../../lib/linuxnet/ip.ts'
import { runProgram } from '../../../lib/linuxnet/program.ts'
import { listenInNamespace } from '../../../lib/netns/sockets.ts'
import { Failure } from '../../ports.ts'
import { deviceOf, metadataNamespaces, namespaceOf, removeNamespace } from './metadata-link.ts'
import type { Datapath, Vswitch } from './vswitch.ts'

export type MetadataNetwork = {
  readonly network_id: string
  /** Name of the logical switch port of type localport. */
  readonly port_id: string
  readonly mac: string
  /** Of the localport in the network's subnets; guests' answers go back through these. */
  readonly addresses: readonly { readonly address: string; readonly prefix_length: number }[]
  readonly mtu: number
}

export const metadata_address = '169.254.169.254'
const metadata_port = 80
const bridge = 'br-int'
const inner = 'metadata'
const note = 'croft-metadata-network'

export type MetadataNamespaceOptions = {
  readonly vswitch: Vswitch
  readonly datapath: Datapath
  /** Called with each listening socket once; requests arrive with the guest's own address as the peer's. */
  readonly serve: (network_id: string, server: net.Server) => void
  /** Where `ip netns` keeps its names. Default /run/netns. */
  readonly netns_dir?: string
}

export class MetadataNamespaces {
  readonly #options: MetadataNamespaceOptions
  readonly #servers = new Map<string, net.Server>()

  constructor(options: MetadataNamespaceOptions) {
    this.#options = options
  }

  /** Namespaces on this host that this driver made, wanted or left over: the network's id where the switch knows it. */
  async list(): Promise<{ readonly namespace: string; readonly network_id: string | undefined }[]> {
    const known = new Map<string, string>()
    for (const { external_ids } of this.#options.vswitch.interfacesWith(note)) {
      const network_id = external_ids.get(note)
      if (network_id !== undefined) known.set(namespaceOf(network_id), network_id)
    }
    for (const name of await metadataNamespaces()) if (!known.has(name)) known.set(name, '')
    return [...known].map(([namespace, id]) => ({ namespace, network_id: id || undefined }))
  }

  /** Makes or mends the namespace, its address, its port on br-int and the listening socket. */
  async ensure(network: MetadataNetwork): Promise<void> {
    const { vswitch, netns_dir = '/run/netns' } = this.#options
    const namespace = namespaceOf(network.network_id)
    const device = deviceOf(network.network_id)
    const other = vswitch.interface(device)?.external_ids.get(note)
    if (other !== undefined && other !== network.network_id)
      throw new Failure(`Networks ${network.network_id} and ${other} end alike; this host serves metadata to one only`)
    if (!(await listNamespaces()).includes(namespace)) {
      this.#closeServer(network.network_id)
      await runProgram(['ip', 'netns', 'add', namespace])
    }
    await this.#ensureLink(network, namespace, device)
    const external_ids = { 'iface-id': network.port_id, [note]: network.network_id }
    await vswitch.ensurePort({ bridge, name: device, external_ids })
    if (this.#servers.has(network.network_id)) return
    const server = await listenInNamespace(`${netns_dir}/${namespace}`, metadata_address, metadata_port)
    this.#servers.set(network.network_id, server)
    server.once('close', () => {
      if (this.#servers.get(network.network_id) === server) this.#servers.delete(network.network_id)
    })
    this.#options.serve(network.network_id, server)
  }

  async remove(network_id: string): Promise<void> {
    this.#closeServer(network_id)
    await this.#options.vswitch.removePorts([deviceOf(network_id)])
    await removeNamespace(namespaceOf(network_id))
  }

  /** Removes every namespace whose network is not among `wanted`. */
  async keepOnly(wanted: ReadonlySet<string>): Promise<void> {
    const names = new Set([...wanted].map(namespaceOf))
    for (const { namespace, network_id } of await this.list()) {
      if (names.has(namespace)) continue
      if (network_id !== undefined) await this.remove(network_id)
      else await removeNamespace(namespace)
    }
  }

  /** Stops listening; the namespaces stay for the next start of the agent. */
  close(): void {
    for (const network_id of this.#servers.keys()) this.#closeServer(network_id)
  }

  async #ensureLink(network: MetadataNetwork, namespace: string, device: string): Promise<void> {
    const inside = (await readLinks(namespace)).find(({ name }) => name === inner)
    const outside = (await readLinks()).find(({ name }) => name === device)
    if (outside?.up && inside && isAsWanted(inside, network)) return
    await deleteLink(device)
    const { mac, mtu, addresses } = network
    await ipBatch([
      `link add ${device} mtu ${mtu} type veth peer name ${inner} address ${mac} mtu ${mtu} netns ${namespace}`,
      `link set ${device} up`,
    ])
    await ipBatch(
      [
        'link set lo up',
        `address add ${metadata_address}/32 dev ${inner}`,
        ...addresses.map(
          ({ address, prefix_length }) => `address add ${address}/${prefix_length} dev ${inner}${nodad(address)}`,
        ),
        `link set ${inner} up`,
      ],
      namespace,
    )
    if (this.#options.datapath !== 'netdev') return
    await finishChecksums(device)
    await finishChecksums(inner, namespace)
  }

  #closeServer(network_id: string): void {
    const server = this.#servers.get(network_id)
    this.#servers.delete(network_id)
    server?.close()
  }
}

/** OVN vouches for the address; waiting to see whether another has it would only delay the listener. */
const nodad = (address: string) => (address.includes(':') ? ' nodad' : '')

function isAsWanted(link: Link, network: MetadataNetwork): boolean {
  const there = new Set(link.addresses.filter(a => a.scope !== 'link').map(a => `${a.address}/${a.prefix_length}`))
  const wanted = new Set([
    `${metadata_address}/32`,
    ...network.addresses.map(({ address, prefix_length }) => `${address}/${prefix_length}`),
  ])
  const same = link.up && link.mac === network.mac.toLowerCase() && link.mtu === network.mtu
  return same && there.symmetricDifference(wanted).size === 0
}
