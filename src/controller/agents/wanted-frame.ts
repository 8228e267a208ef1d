/** From what a host was told to what it must be told now. */
import type { ControllerFrame } from '../../protocol/messages.ts'
import type { WantedNetwork } from '../../protocol/wanted.ts'
import { instancePorts } from '../store/instance-ports.ts'
import type { Db } from '../store/database.ts'
import { gatewayHost } from '../store/gateway-host.ts'
import { wanted } from '../store/wanted.ts'
import type { WantedHostRules } from './sessions.ts'

/** What was sent on this link so far, by version. */
export interface Told {
  instances: ReadonlyMap<string, string>
  networks: ReadonlyMap<string, string>
  host: string
}

export interface FrameRules {
  stop_timeout_s: number
  host: WantedHostRules
}

/** The frame that brings the host up to date, or none when it is. Without `told`: all there is. */
export async function wantedFrame(
  db: Db,
  host_id: string,
  told: Told | undefined,
  rules: FrameRules,
): Promise<{ frame: ControllerFrame | null; told: Told }> {
  const versions = await wanted.versions(db, host_id)
  const instances = new Map(versions.map(one => [one.id, `${one.generation}.${one.details_version}`]))
  const changed = [...instances].filter(([id, version]) => told?.instances.get(id) !== version).map(([id]) => id)
  const forgotten = [...(told?.instances.keys() ?? [])].filter(id => !instances.has(id))
  const is_gateway = rules.host.external_gateway !== null && (await gatewayHost.includes(db, host_id))
  const rules_here = is_gateway ? rules.host : { ...rules.host, external_gateway: null }
  const host = JSON.stringify([rules_here, rules.stop_timeout_s])
  if (told && changed.length === 0 && forgotten.length === 0 && host === told.host) {
    return { frame: null, told }
  }
  const networkIds = await wanted.networkIds(db, host_id)
  const networkRows = await instancePorts.wantedNetworks(db, networkIds)
  const networks = new Map(networkRows.map(one => [one.network_id, versionOf(one)]))
  const frame: ControllerFrame = {
    type: 'wanted',
    whole: !told,
    ...(host !== told?.host && { host: { version: 1, ...rules_here } }),
    instances: await wanted.instances(db, host_id, changed, rules),
    networks: networkRows.filter(one => told?.networks.get(one.network_id) !== versionOf(one)),
    forget_instances: forgotten,
    forget_networks: [...(told?.networks.keys() ?? [])].filter(id => !networks.has(id)),
  }
  return { frame, told: { instances, networks, host } }
}

function versionOf(network: WantedNetwork): string {
  return JSON.stringify(network)
}
