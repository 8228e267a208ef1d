/** The controller as a service. */
import { mkdir, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { type Config, joinAddress } from '../../config.ts'
import { embeddedUrl } from '../postgres.ts'
import { service } from '../service.ts'
import type { Definition } from './definition.ts'
import { node_env, nodeArgv } from './node.ts'
import { northbound_socket, southbound_socket } from './ovn-central.ts'
import { postgresPlace } from './postgres.ts'

/** The name that hosts have for the way outside, and the bridge it stands for. */
export const external_network = { name: 'external', bridge: 'br-ex' } as const

export const controllerState = (config: Pick<Config, 'state_dir'>) => path.join(config.state_dir, 'controller')

/**
 * A database's address without its password, which a command line would show to everybody on the machine, and the line
 * of a password file that brings it back (libpq's format: PostgreSQL manual, "The Password File").
 */
export function splitPassword(database_url: string): { url: string; passfile: string } {
  const match = /^(\w+:\/\/[^:@/?]*):([^@/?]*)@(.*)$/s.exec(database_url)
  const password = decodeURIComponent(match?.[2] ?? '').replaceAll(/[\\:]/g, '\\$&')
  if (!match || password === '') return { url: database_url, passfile: '' }
  return { url: `${match[1]}@${match[3]}`, passfile: `*:*:*:*:${password}\n` }
}

/** The database must be there (an embedded one: started). */
export async function controllerService(config: Config): Promise<Definition> {
  const state = controllerState(config)
  const passfile = path.join(state, 'database-password')
  const database = splitPassword(config.database_url ?? (await embeddedUrl(postgresPlace(config))))
  const options = {
    database: database.url,
    state,
    plugins: config.plugin_dir,
    listen: joinAddress(config.listen),
    'agent-listen': joinAddress(config.agent_listen),
    ...ovnOf(config),
    'physical-network': `${external_network.name}=${external_network.bridge}`,
    'external-gateway': config.external_gateway,
  }
  const args = Object.entries(options).flatMap(([name, value]) => [`--${name}`, value])
  return {
    service: service({
      name: 'croft-controller',
      description: "Croft's controller",
      argv: nodeArgv('plenty', 'src/controller/main.ts', ...args),
      env: { ...node_env, PGPASSFILE: passfile },
      ready: { kind: 'tcp', address: connectable(config.agent_listen.host), port: config.agent_listen.port },
      stop_timeout_ms: 20_000,
      after: ['croft-postgres.service', 'ovn-ovsdb-server-nb.service', 'ovn-ovsdb-server-sb.service'],
    }),
    async prepare() {
      await mkdir(state, { recursive: true, mode: 0o700 })
      await writeFile(passfile, database.passfile, { mode: 0o600 })
    },
  }
}

/** Every controller tells hosts where OVN's southbound database is; the one beside it keeps it, and writes the logical networks. */
function ovnOf({ cluster_address, ovn_central }: Config): Record<string, string> {
  const at = (host: string) => `ssl:${joinAddress({ host, port: 6642 })}`
  if (ovn_central !== undefined) return { 'ovn-sb': at(ovn_central) }
  const local = `unix:${southbound_socket}`
  return {
    'ovn-nb': `unix:${northbound_socket}`,
    'ovn-sb': cluster_address ? at(cluster_address) : local,
    'ovn-sb-local': local,
  }
}

/** Where to connect to reach what listens on `host`: "any address" is reached on loopback. */
export function connectable(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1'
  return host === '::' ? '::1' : host
}
