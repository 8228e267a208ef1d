/**
 * What a new cloud needs so that a first guest can be reached: the networks, a key, a security group, the built-in image, the
 * guest. Each step finds what is there by name and makes only what is missing, so that it can be run again.
 * Not its job: daemons (up.ts); flavors and accounts (controller/bootstrap.ts).
 */
import { mkdir, readFile } from 'node:fs/promises'
import net from 'node:net'
import path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { FloatingIp } from '../../api/floating-ip.ts'
import type { Instance } from '../../api/instance.ts'
import type { Network } from '../../api/network.ts'
import type { Config } from '../../config.ts'
import { isLoopback } from '../../lib/ip.ts'
import type { Api } from '../api.ts'
import { HostError } from '../error.ts'
import { runOk } from '../../lib/process.ts'
import { accepts } from '../ready.ts'
import { external_network } from '../services/controller.ts'
import type { Show } from '../step.ts'

type Named = { id: string; name: string }

const first_guest = 'hello'
const first_key_pair = 'croft'
type Page<T> = { items: T[] }

async function findNamed<T extends Named>(api: Api, noun: string, name: string): Promise<T | undefined> {
  const { items } = await api.call<Page<T>>('GET', `/v1/${noun}?name=${encodeURIComponent(name)}`)
  return items.find(item => item.name === name)
}

async function ensureNamed<T extends Named>(
  api: Api,
  noun: string,
  body: { name: string; [field: string]: unknown },
): Promise<T> {
  return (await findNamed<T>(api, noun, body.name)) ?? (await api.call<T>('POST', `/v1/${noun}`, body))
}

/** The address of a network from its gateway's, with room for floating addresses: 172.31.240.1/24 → 172.31.240.0/24. */
export function networkOf(gateway: string): { cidr: string; gateway: string } {
  const [address = '', prefix_text = ''] = gateway.split('/')
  const prefix = Number(prefix_text)
  const bytes = address.split('.').map(Number)
  if (bytes.length !== 4 || bytes.some(byte => !(byte >= 0 && byte <= 255)) || !(prefix >= 8 && prefix <= 29))
    throw new HostError(`external_gateway: "${gateway}" is not an IPv4 address with a prefix of 8 to 29`)
  const number = bytes.reduce((sum, byte) => sum * 256 + byte, 0)
  const size = 2 ** (32 - prefix)
  const first = number - (number % size)
  const text = [24, 16, 8, 0].map(shift => Math.floor(first / 2 ** shift) % 256).join('.')
  return { cidr: `${text}/${prefix}`, gateway: address }
}

/** Overlay network `default`, external network, and the router between them. */
export async function ensureNetworks(api: Api, config: Pick<Config, 'external_gateway'>): Promise<Network> {
  const outside = await ensureNamed<Network>(api, 'networks', {
    name: external_network.name,
    kind: 'external',
    shared: true,
    physical_network: external_network.name,
  })
  if (outside.subnets.length === 0) {
    const { cidr, gateway } = networkOf(config.external_gateway)
    const subnet = { name: external_network.name, network_id: outside.id, cidr, gateway, dhcp: false }
    await api.call('POST', '/v1/subnets', subnet)
  }
  const inside = await ensureNamed<Network>(api, 'networks', { name: 'default' })
  const subnet = await ensureNamed<Named>(api, 'subnets', {
    name: 'default',
    network_id: inside.id,
    cidr: '10.64.0.0/16',
    dns: nameServers(await readFile('/etc/resolv.conf', 'utf8').catch(() => '')),
  })
  const router = await ensureNamed<Named & { interfaces?: { subnet_id: string }[] }>(api, 'routers', {
    name: 'default',
    external_network_id: outside.id,
  })
  if (!router.interfaces?.some(({ subnet_id }) => subnet_id === subnet.id))
    await api.call('POST', `/v1/routers/${router.id}/interfaces`, { subnet_id: subnet.id })
  return inside
}

/** The machine's own name servers, as far as guests can reach them, too (resolv.conf(5)). */
export function nameServers(resolv_conf: string): string[] {
  const all = [...resolv_conf.matchAll(/^nameserver\s+(\S+)/gm)].map(([, address]) => address ?? '')
  return all.filter(address => net.isIPv4(address) && !isLoopback(address)).slice(0, 3)
}

/** The network that first guests are in, if it is there. */
export function findNetwork(api: Api): Promise<Network | undefined> {
  return findNamed<Network>(api, 'networks', 'default')
}

/** A key of this machine's root, for `croft instance ssh`; gives the private key's path. */
export async function ensureKey(config: Pick<Config, 'state_dir'>): Promise<KeyFile> {
  const folder = path.join(config.state_dir, 'ssh')
  const file = path.join(folder, 'id_ed25519')
  await mkdir(folder, { recursive: true, mode: 0o700 })
  let public_key = await readFile(`${file}.pub`, 'utf8').catch(() => undefined)
  if (public_key === undefined) {
    await runOk(['ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-C', 'croft', '-f', file])
    public_key = await readFile(`${file}.pub`, 'utf8')
  }
  return { file, public_key: public_key.trim() }
}

export type KeyFile = { file: string; public_key: string }

/** Lets the cloud know that key. */
export function ensureKeyPair(api: Api, { public_key }: KeyFile): Promise<Named> {
  return ensureNamed(api, 'key-pairs', { name: first_key_pair, public_key })
}

export function findKeyPair(api: Api): Promise<Named | undefined> {
  return findNamed(api, 'key-pairs', first_key_pair)
}

/** Reachable by ssh, web and ping from outside; all else stays closed. */
async function ensureSecurityGroup(api: Api): Promise<Named> {
  const name = 'hello'
  const found = await findNamed<Named>(api, 'security-groups', name)
  if (found) return found
  const description = 'Lets ssh, web and ping in'
  const made = await api.call<Named>('POST', '/v1/security-groups', { name, description })
  for (const port of [22, 80])
    await api.call('POST', `/v1/security-groups/${made.id}/rules`, {
      direction: 'ingress',
      ethertype: 'ipv4',
      protocol: 'tcp',
      port_min: port,
      port_max: port,
    })
  await api.call('POST', `/v1/security-groups/${made.id}/rules`, {
    direction: 'ingress',
    ethertype: 'ipv4',
    protocol: 'icmp',
  })
  return made
}

export type FirstGuest = { name: string; address: string; instance: Instance }

type GuestParts = { network: Network; image_id: string; key_pair: Named | undefined; show: Show }

/** The guest `hello`, running, with a floating address that answers. */
export async function ensureGuest(api: Api, parts: GuestParts): Promise<FirstGuest> {
  const found = await wakeGuest(api, parts.show)
  return found ?? (await untilAnswers(api, await createGuest(api, first_guest, parts), parts.show))
}

/** The same if it is there; undefined if it is not. */
export async function wakeGuest(api: Api, show: Show): Promise<FirstGuest | undefined> {
  const found = await findNamed<Instance>(api, 'instances', first_guest)
  if (!found) return undefined
  // `down --guests stop` stopped it; asked to bring the machine up again, it runs again.
  // One that failed gets another try: what was wrong may be what this run has mended.
  if (found.state === 'stopped' || found.state === 'error')
    await api.call('POST', `/v1/instances/${found.id}/start`, {})
  return await untilAnswers(api, found, show)
}

async function untilAnswers(api: Api, { id, name }: Instance, show: Show): Promise<FirstGuest> {
  const instance = await waitRunning(api, id, show)
  const { items } = await api.call<Page<FloatingIp>>('GET', `/v1/floating-ips?instance_id=${id}`)
  const floating = items[0] ?? (await api.call<FloatingIp>('POST', '/v1/floating-ips', { instance_id: id }))
  show(`waiting for ${floating.address} to answer`)
  await waitAnswers(floating.address)
  return { name, address: floating.address, instance }
}

async function createGuest(api: Api, name: string, { network, image_id, key_pair }: GuestParts): Promise<Instance> {
  const flavor = await findNamed<Named>(api, 'flavors', 'tiny')
  if (!flavor) throw new HostError('there is no flavor "tiny" any more, so no first guest was made')
  const group = await ensureSecurityGroup(api)
  const made = await api.call<Page<Instance>>('POST', '/v1/instances', {
    name,
    flavor_id: flavor.id,
    image_id,
    networks: [{ network_id: network.id, security_groups: [group.id] }],
    ...(key_pair && { key_names: [key_pair.name] }),
  })
  const [instance] = made.items
  if (!instance) throw new HostError('the controller made no instance and did not say why')
  return instance
}

const running_within_ms = 180_000
const answers_within_ms = 180_000

async function waitRunning(api: Api, id: string, show: Show): Promise<Instance> {
  const running = await api.until(async () => {
    const instance = await api.call<Instance>('GET', `/v1/instances/${id}`)
    if (instance.step !== null) show(instance.step, instance.percent ?? undefined)
    if (instance.state === 'running') return instance
    if (instance.state === 'error')
      throw new HostError(
        `the first guest failed: ${instance.reason ?? 'no reason given'}`,
        'croft instance explain hello',
      )
    if (instance.state === 'stopped' && instance.wanted_power === 'stopped')
      throw new HostError('the instance "hello" is stopped', 'Start it: croft instance start hello')
    return undefined
  }, running_within_ms)
  if (running) return running
  throw new HostError(`the first guest does not run after ${running_within_ms / 1000} s`, 'croft instance get hello')
}

/** A guest that boots says nothing before it listens, so this one knocks, once in half a second. */
async function waitAnswers(address: string): Promise<void> {
  const deadline = performance.now() + answers_within_ms
  const knock: net.NetConnectOpts = { host: address, port: 22 }
  while (!(await accepts(knock))) {
    if (performance.now() > deadline)
      throw new HostError(
        `the first guest runs, but does not answer on ${address}`,
        'See what it says: croft instance log hello. Is something on this machine filtering its network?',
      )
    await delay(500)
  }
}
