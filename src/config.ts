/**
 * Where Croft keeps things and listens on this machine: the only place that reads the process's environment and the
 * configuration file. Everything else gets values.
 * Not its job: what a cloud's operator changes at run time (settings in the database).
 *
 * What is said on the command line wins over the environment, that over the file, that over the built-in value. With a state
 * folder of one's own, everything lies below it, so that several Crofts fit on one machine's disk.
 */
import { readFileSync } from 'node:fs'
import { isIPv4 } from 'node:net'
import path from 'node:path'
import { type Static, Type } from 'typebox'
import { Value } from 'typebox/value'
import { parse } from 'yaml'
import { HostError } from './host/error.ts'
import { parseAddress } from './lib/ip.ts'
import { isErrno } from './lib/process.ts'
import { isLoopback } from './model/loopback.ts'

export { clientEnvironment } from './client-environment.ts'

const default_state = '/var/lib/croft'
const default_cache = '/var/cache/croft/images'

/** The configuration file, YAML; every key may be missing. */
export const ConfigFile = Type.Object(
  {
    /** Database, images, keys, instances' disks. */
    state_dir: Type.Optional(Type.String({ pattern: '^/' })),
    /** Sockets and process ids; may be lost at a boot. */
    run_dir: Type.Optional(Type.String({ pattern: '^/' })),
    log_dir: Type.Optional(Type.String({ pattern: '^/' })),
    /** Packages that images are built from; may be emptied at any time. */
    image_cache_dir: Type.Optional(Type.String({ pattern: '^/' })),
    /** The web UI's plug-ins, a folder each. */
    plugin_dir: Type.Optional(Type.String({ pattern: '^/' })),
    /** Where API and UI listen: ADDRESS:PORT. Beyond loopback always TLS. */
    listen: Type.Optional(Type.String()),
    /** Where other hosts' agents dial in: ADDRESS:PORT. */
    agent_listen: Type.Optional(Type.String()),
    /** This machine's address on the network between hosts. Without it the cloud is this machine alone. */
    cluster_address: Type.Optional(Type.String()),
    /** The NIC between hosts, where Open vSwitch runs in user space: it is moved into a bridge, with its addresses. */
    tunnel_nic: Type.Optional(Type.String({ pattern: '^[^/\\s]{1,15}$' })),
    /** A PostgreSQL of your own, 15 or newer; without it Croft runs one. */
    database_url: Type.Optional(Type.String({ pattern: '^postgres(ql)?://' })),
    /** The machine that has OVN's databases, where this one is a further controller of a cloud and nothing else of it. */
    ovn_central: Type.Optional(Type.String()),
    /** Settings of Croft's own PostgreSQL, by their names in postgresql.conf. */
    postgres_settings: Type.Optional(Type.Record(Type.String(), Type.String())),
    /** The network of floating addresses, with the gateway's address in it: 172.31.240.1/24. */
    external_gateway: Type.Optional(Type.String()),
    /** kvm where it works, or emulation; auto decides by trying. */
    virtualisation: Type.Optional(Type.Union([Type.Literal('auto'), Type.Literal('kvm'), Type.Literal('tcg')])),
  },
  { additionalProperties: false },
)
export type ConfigFile = Static<typeof ConfigFile>

export type Address = { host: string; port: number }

export type Config = Required<
  Omit<ConfigFile, 'database_url' | 'ovn_central' | 'cluster_address' | 'tunnel_nic' | 'listen' | 'agent_listen'>
> & {
  config_file: string
  listen: Address
  agent_listen: Address
  cluster_address: string | undefined
  tunnel_nic: string | undefined
  database_url: string | undefined
  ovn_central: string | undefined
}

type Environment = Readonly<Record<string, string | undefined>>

/** Variables that stand for keys of the file: CROFT_STATE_DIR for state_dir, … */
const from_environment = [
  'state_dir',
  'run_dir',
  'log_dir',
  'image_cache_dir',
  'plugin_dir',
  'listen',
  'agent_listen',
  'cluster_address',
  'database_url',
  'ovn_central',
  'external_gateway',
] as const

/** Throws HostError that names the file and the key. A missing file is an empty one, unless it was asked for. */
export function loadConfig(
  flags: ConfigFile & { config_file?: string | undefined } = {},
  env: Environment = process.env,
): Config {
  const { config_file: flag_file, ...given } = flags
  const said = { ...fromEnvironment(env), ...withoutUndefined(given) }
  const asked_file = flag_file ?? env.CROFT_CONFIG
  const own_state = said.state_dir !== undefined && path.resolve(said.state_dir) !== default_state
  const usual_file = own_state ? path.join(path.resolve(said.state_dir ?? ''), 'croft.conf') : '/etc/croft/croft.conf'
  const config_file = asked_file ?? usual_file
  const all = { ...loadConfigFile(config_file, asked_file !== undefined), ...said }
  return complete(all, config_file)
}

function complete(all: ConfigFile, config_file: string): Config {
  const state_dir = path.resolve(all.state_dir ?? default_state)
  const apart = state_dir !== default_state
  const listen = splitAddress(all.listen ?? '127.0.0.1:7070', 'listen')
  const cluster_address = checkedHost(all.cluster_address, 'cluster_address')
  const agent_host = cluster_address ?? (isLoopback(listen.host) ? '127.0.0.1' : listen.host)
  return {
    config_file,
    state_dir,
    run_dir: path.resolve(all.run_dir ?? (apart ? path.join(state_dir, 'run') : '/run/croft')),
    log_dir: path.resolve(all.log_dir ?? (apart ? path.join(state_dir, 'log') : '/var/log/croft')),
    image_cache_dir: path.resolve(all.image_cache_dir ?? (apart ? path.join(state_dir, 'cache') : default_cache)),
    plugin_dir: path.resolve(all.plugin_dir ?? path.join(state_dir, 'plugins')),
    listen,
    agent_listen: splitAddress(all.agent_listen ?? joinAddress({ host: agent_host, port: 7071 }), 'agent_listen'),
    cluster_address,
    tunnel_nic: all.tunnel_nic,
    database_url: all.database_url,
    ovn_central: checkedHost(all.ovn_central, 'ovn_central'),
    postgres_settings: all.postgres_settings ?? {},
    external_gateway: checkedGateway(all.external_gateway ?? '172.31.240.1/24'),
    virtualisation: all.virtualisation ?? 'auto',
  }
}

/** Said before it is kept in the file, where it would stop every later run, too. */
function checkedGateway(text: string): string {
  const [address = '', prefix = '', ...more] = text.split('/')
  if (more.length > 0 || !isIPv4(address) || !/^\d{1,2}$/.test(prefix) || Number(prefix) < 8 || Number(prefix) > 29)
    throw new HostError(
      `external_gateway: "${text}" is not an IPv4 address with a prefix of 8 to 29, such as 172.31.240.1/24`,
    )
  return text
}

/** One address or host name (RFC 1123, 2.1), which others can be told. */
function checkedHost(text: string | undefined, setting: 'cluster_address' | 'ovn_central'): string | undefined {
  if (text === undefined) return undefined
  const address = parseAddress(text)
  const last = text.split('.').at(-1) ?? ''
  // A name does not end with a number: that is an address gone wrong.
  const is_name = text.length <= 253 && host_name.test(text) && !/^\d+$/.test(last)
  if (address ? address.value !== 0n : is_name) return text
  throw new HostError(
    `${setting}: "${text}" is not an address that a machine has, nor a host name`,
    `Say one, without a port: --${setting.replace('_', '-')} 192.0.2.1`,
  )
}

const host_name = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$/i

function fromEnvironment(env: Environment): ConfigFile {
  return withoutUndefined(
    Object.fromEntries(from_environment.map(key => [key, env[`CROFT_${key.toUpperCase()}`] || undefined])),
  )
}

function withoutUndefined<T extends object>(value: T): T {
  return Object.fromEntries(Object.entries(value).filter(([, each]) => each !== undefined)) as T
}

/** What the file says; a missing file is an empty one unless it `must_exist`. Throws HostError. */
export function loadConfigFile(file: string, must_exist = false): ConfigFile {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (error) {
    if (isErrno(error, 'ENOENT') && !must_exist) return {}
    throw new HostError(`the configuration ${file} cannot be read: ${String(error)}`, undefined, { cause: error })
  }
  return parseConfigFile(text, file)
}

/** Throws HostError that names the first key that is wrong. */
export function parseConfigFile(text: string, file: string): ConfigFile {
  let value: unknown
  try {
    value = parse(text) ?? {}
  } catch (error) {
    throw new HostError(`${file} is not YAML: ${error instanceof Error ? error.message : String(error)}`)
  }
  if (Value.Check(ConfigFile, value)) return value
  const [problem] = Value.Errors(ConfigFile, value)
  const known = Object.keys(ConfigFile.properties)
  const stranger =
    typeof value === 'object' && value !== null ? Object.keys(value).find(key => !known.includes(key)) : undefined
  if (stranger !== undefined)
    throw new HostError(`${file}: there is no setting "${stranger}"`, `There are: ${known.join(', ')}.`)
  throw new HostError(`${file}: ${problem?.instancePath.slice(1) ?? 'it'} ${problem?.message ?? 'is not a mapping'}`)
}

/** "127.0.0.1:7070", "[::1]:7070". Throws HostError that names the setting. */
export function splitAddress(text: string, setting: string): Address {
  const match = /^(?:\[([0-9a-f:.]+)\]|([^:[\]]+)):(\d{1,5})$/i.exec(text)
  const port = Number(match?.[3])
  const host = match?.[1] ?? match?.[2]
  if (host === undefined || !(port > 0 && port <= 65_535))
    throw new HostError(`${setting}: "${text}" is not ADDRESS:PORT, such as 127.0.0.1:7070 or [::1]:7070`)
  return { host, port }
}

export function joinAddress({ host, port }: Address): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`
}
