/**
 * What a new cloud needs so that a first guest can be reached: the networks, a key, a security group, the built-in image, the
 * guest. Each step finds what is there by name and makes only what is missing, so that it can be run again.
 * Not its job: daemons (up.ts); flavors and accounts (controller/bootstrap.ts).
 */
import { mkdir, readFile } from 'node:fs/promises'
import net from 'node:net'
import path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { flavorRoutes } from '../../api/flavor.ts'
import { floatingIpRoutes } from '../../api/floating-ip.ts'
import { type Instance, instanceRoutes } from '../../api/instance.ts'
import { keyPairRoutes } from '../../api/key-pair.ts'
import { type Network, networkRoutes } from '../../api/network.ts'
import { routerRoutes } from '../../api/router.ts'
import { type RuleAsked, securityGroupRoutes } from '../../api/security-group.ts'
import { subnetRoutes } from '../../api/subnet.ts'
import type { Config } from '../../config.ts'
import { isLoopback } from '../../model/loopback.ts'
import type { Client } from '../../sdk/node-client.ts'
import { HostError } from '../error.ts'
import { runOk } from '../../lib/process.ts'
import { accepts } from '../ready.ts'
import { external_network } from '../services/controller.ts'
import type { Show } from '../step.ts'
import { until } from '../until.ts'

type Named = { id: string; name: string }

const first_guest = 'hello'
const first_key_pair = 'croft'
const first_network = 'default'

/** The thing of this name in a list that can be asked for it. */
async function byName<T extends Named>(
  name: string,
  list: (query: { name: string }) => Promise<{ items: readonly T[] }>,
): Promise<T | undefined> {
  const { items } = await list({ name })
  return items.find(item => item.name === name)
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
export async function ensureNetworks(client: Client, config: Pick<Config, 'external_gateway'>): Promise<Network> {
  const outside = await ensureOutside(client, config)
  const name = first_network
  const inside = (await findNetwork(client)) ?? (await client.call(networkRoutes.create, { body: { name } }))
  const dns = nameServers(await readFile('/etc/resolv.conf', 'utf8').catch(() => ''))
  const subnet =
    (await byName(name, query => client.call(subnetRoutes.list, { query }))) ??
    (await client.call(subnetRoutes.create, { body: { name, network_id: inside.id, cidr: '10.64.0.0/16', dns } }))
  const router =
    (await byName(name, query => client.call(routerRoutes.list, { query }))) ??
    (await client.call(routerRoutes.create, { body: { name, external_network_id: outside.id } }))
  if (!router.interfaces.some(({ subnet_id }) => subnet_id === subnet.id))
    await client.call(routerRoutes.addInterface, { params: { router: router.id }, body: { subnet_id: subnet.id } })
  return inside
}

async function ensureOutside(client: Client, config: Pick<Config, 'external_gateway'>): Promise<Network> {
  const { name } = external_network
  const outside =
    (await byName(name, query => client.call(networkRoutes.list, { query }))) ??
    (await client.call(networkRoutes.create, {
      body: { name, kind: 'external', shared: true, physical_network: name },
    }))
  if (outside.subnets.length > 0) return outside
  const body = { name, network_id: outside.id, ...networkOf(config.external_gateway), dhcp: false }
  await client.call(subnetRoutes.create, { body })
  return outside
}

/** The machine's own name servers, as far as guests can reach them, too (resolv.conf(5)). */
export function nameServers(resolv_conf: string): string[] {
  const all = [...resolv_conf.matchAll(/^nameserver\s+(\S+)/gm)].map(([, address]) => address ?? '')
  return all.filter(address => net.isIPv4(address) && !isLoopback(address)).slice(0, 3)
}

/** The network that first guests are in, if it is there. */
export function findNetwork(client: Client): Promise<Network | undefined> {
  return byName(first_network, query => client.call(networkRoutes.list, { query }))
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
export async function ensureKeyPair(client: Client, { public_key }: KeyFile): Promise<Named> {
  const body = { name: first_key_pair, public_key }
  return (await findKeyPair(client)) ?? (await client.call(keyPairRoutes.create, { body }))
}

export function findKeyPair(client: Client): Promise<Named | undefined> {
  return byName(first_key_pair, query => client.call(keyPairRoutes.list, { query }))
}

const let_in: readonly RuleAsked[] = [
  ...[22, 80].map(port => ({ protocol: 'tcp', port_min: port, port_max: port })),
  { protocol: 'icmp' },
].map(rule => ({ direction: 'ingress', ethertype: 'ipv4', ...rule }))

/** Reachable by ssh, web and ping from outside; all else stays closed. */
async function ensureSecurityGroup(client: Client): Promise<Named> {
  const name = first_guest
  const found = await byName(name, query => client.call(securityGroupRoutes.list, { query }))
  if (found) return found
  const description = 'Lets ssh, web and ping in'
  const made = await client.call(securityGroupRoutes.create, { body: { name, description } })
  for (const body of let_in)
    await client.call(securityGroupRoutes.addRule, { params: { security_group: made.id }, body })
  return made
}

export type FirstGuest = { name: string; address: string; instance: Instance }

type GuestParts = { network: Network; image_id: string; key_pair: Named | undefined; show: Show }

/** The guest `hello`, running, with a floating address that answers. */
export async function ensureGuest(client: Client, parts: GuestParts): Promise<FirstGuest> {
  const found = await wakeGuest(client, parts.show)
  return found ?? (await untilAnswers(client, await createGuest(client, first_guest, parts), parts.show))
}

/** The same if it is there; undefined if it is not. */
export async function wakeGuest(client: Client, show: Show): Promise<FirstGuest | undefined> {
  const found = await byName(first_guest, query => client.call(instanceRoutes.list, { query }))
  if (!found) return undefined
  // `down --guests stop` stopped it; asked to bring the machine up again, it runs again.
  // One that failed gets another try: what was wrong may be what this run has mended.
  if (found.state === 'stopped' || found.state === 'error')
    await client.call(instanceRoutes.start, { params: { instance: found.id } })
  return await untilAnswers(client, found, show)
}

async function untilAnswers(client: Client, { id, name }: Instance, show: Show): Promise<FirstGuest> {
  const instance = await waitRunning(client, id, show)
  const { items } = await client.call(floatingIpRoutes.list, { query: { instance_id: id } })
  const floating = items[0] ?? (await client.call(floatingIpRoutes.create, { body: { instance_id: id } }))
  show(`waiting for ${floating.address} to answer`)
  await waitAnswers(floating.address)
  return { name, address: floating.address, instance }
}

async function createGuest(
  client: Client,
  name: string,
  { network, image_id, key_pair }: GuestParts,
): Promise<Instance> {
  const flavor = await byName('tiny', query => client.call(flavorRoutes.list, { query }))
  if (!flavor) throw new HostError('there is no flavor "tiny" any more, so no first guest was made')
  const group = await ensureSecurityGroup(client)
  const body = {
    name,
    flavor_id: flavor.id,
    image_id,
    networks: [{ network_id: network.id, security_groups: [group.id] }],
    ...(key_pair && { key_names: [key_pair.name] }),
  }
  const made = await client.call(instanceRoutes.create, { body })
  const [instance] = made.items
  if (!instance) throw new HostError('the controller made no instance and did not say why')
  return instance
}

const running_within_ms = 180_000
const answers_within_ms = 180_000

/** Throws HostError with what the cloud says of it: at once when it has failed or is stopped, or after the time. */
export async function waitRunning(
  client: Client,
  id: string,
  show: Show,
  within_ms = running_within_ms,
): Promise<Instance> {
  const look = () => client.call(instanceRoutes.get, { params: { instance: id } })
  const isRunning = async () => {
    const instance = await look()
    if (instance.step !== null) show(instance.step, instance.percent ?? undefined)
    if (instance.state === 'running') return instance
    const failure = endOf(instance)
    if (failure) throw failure
    return undefined
  }
  const running = await until(client, isRunning, within_ms)
  if (running) return running
  // Once more: what became of it just now, or what no event told of, is the better answer.
  const last = await look()
  if (last.state === 'running') return last
  const { name, state, step, reason } = last
  const doing = step === null ? '' : ` (${step})`
  const why = reason === null ? '' : `: ${reason}`
  throw (
    endOf(last) ??
    new HostError(
      `the first guest does not run after ${within_ms / 1000} s, it is ${state}${doing}${why}`,
      `See why: croft instance explain ${name}. It may run yet: croft instance get ${name}`,
    )
  )
}

/** Why it does not come to run by waiting, if so. */
function endOf({ name, state, reason, wanted_power }: Instance): HostError | undefined {
  if (state === 'error')
    return new HostError(`the first guest failed: ${reason ?? 'no reason given'}`, `croft instance explain ${name}`)
  if (state === 'stopped' && wanted_power === 'stopped')
    return new HostError(`the instance "${name}" is stopped`, `Start it: croft instance start ${name}`)
  return undefined
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
