/** Hosts: how they join and leave, and what an administrator sets on them. */
import type { Host, hostRoutes } from '../../api/host.ts'
import type { BodyOf, QueryOf, ReplyOf } from '../../api/route.ts'
import { isOfMachine } from '../../lib/ip.ts'
import { loopbackOf } from '../../model/loopback.ts'
import { CloudError, notFound } from '../../model/errors.ts'
import { checkKeys } from '../../model/tag-keys.ts'
import type { HostFacts } from '../../protocol/host-facts.ts'
import type { HostInvitationId } from '../../model/ids.ts'
import { type Cloud, makeId } from '../cloud.ts'
import { onConstraint } from '../store/constraint.ts'
import { channels, type Tx } from '../store/database.ts'
import { event } from '../store/event.ts'
import { host } from '../store/host.ts'
import { applyLimits } from '../store/host-limits.ts'
import { invitation } from '../store/host-invitation.ts'
import type { Page } from '../store/page.ts'
import { caFingerprint } from './authority.ts'
import { by, type Caller } from './caller.ts'
import { change, withoutKey } from './change.ts'
import { changesOf } from './changed.ts'
import { moveToCluster } from './host-cluster.ts'
import { hashOfSecret } from './host-join.ts'
import { roomCame } from './maintenance.ts'

export function listHosts(cloud: Cloud, query: QueryOf<typeof hostRoutes.list>): Promise<Page<Host>> {
  return host.list(cloud.database.db, query)
}

export async function getHost(cloud: Cloud, id: string): Promise<Host> {
  const found = await host.find(cloud.database.db, id)
  if (!found) throw notFound('host', id)
  return found
}

export function updateHost(
  cloud: Cloud,
  caller: Caller,
  id: string,
  asked: BodyOf<typeof hostRoutes.update>,
): Promise<Host> {
  const { cluster_id, ...own } = asked
  const { tunnel_address } = own
  if (tunnel_address != null && !isOfMachine(tunnel_address)) {
    throw new CloudError('invalid', `${tunnel_address} is no address at which other machines could reach a host.`)
  }
  return change(cloud, caller, async (tx, _, noteAudit) => {
    const before = (await host.lock(tx, id)) && (await host.find(tx, id))
    if (!before) throw notFound('host', id)
    checkKeys('labels', asked.labels, before.labels)
    const moved = cluster_id === undefined ? null : await moveToCluster(cloud, tx, id, cluster_id)
    await onConstraint(host.update(tx, id, own), {
      host_name_key: () =>
        new CloudError('name_taken', `There is a host '${asked.name}' already. Choose another name.`),
    })
    if (asked.reserved_memory_mib !== undefined || asked.reserved_vcpus !== undefined) {
      mustHave(before, asked)
      await cloud.settings.learn(tx, [id])
      await applyLimits(tx, { host_id: id }, cloud.settings.at('host.reserved_memory_mib', { host_id: id }))
    }
    const found = await host.find(tx, id)
    if (!found) throw notFound('host', id)
    const changes = changesOf(before, found, asked)
    noteAudit(changes)
    await record(tx, id, 'changed', caller, moved || changes ? { ...(moved && { cluster: moved }), ...changes } : null)
    // Labels say which hosts are the way outside.
    if (asked.labels) {
      await event.notify(tx, channels.host, id)
      await event.notify(tx, channels.network, '')
    }
    await roomCame(tx)
    return found
  })
}

/** What is kept back of a host it must have, where it has said what it has. */
function mustHave(found: Host | null, { reserved_memory_mib, reserved_vcpus }: BodyOf<typeof hostRoutes.update>): void {
  const { cpus, memory_mib } = (found?.facts ?? {}) as Partial<HostFacts>
  const refuse = (has: string, asked: string) =>
    new CloudError('invalid', `The host ${found?.name} has ${has}, so ${asked} cannot be kept back of that.`)
  if (memory_mib !== undefined && (reserved_memory_mib ?? 0) > memory_mib)
    throw refuse(`${memory_mib} MiB of memory`, `${reserved_memory_mib} MiB`)
  if (cpus !== undefined && (reserved_vcpus ?? 0) > cpus) throw refuse(`${cpus} CPU threads`, `${reserved_vcpus}`)
}

async function record(
  tx: Tx,
  id: string,
  kind: string,
  caller: Caller,
  detail: Record<string, unknown> | null = null,
): Promise<void> {
  const what = { noun: 'host', kind, resource_id: id, project_id: null }
  await event.record(tx, [{ ...what, ...by(caller), ...(detail && { detail }) }])
}

/** A one-time token; only its hash is kept. It names the CA by fingerprint, so that the new host trusts no one else. */
export async function inviteHost(
  cloud: Cloud,
  caller: Caller,
  asked: BodyOf<typeof hostRoutes.invite>,
): Promise<ReplyOf<typeof hostRoutes.invite>> {
  const ca_fingerprint = await caFingerprint(cloud)
  return change(cloud, withoutKey(caller), async tx => {
    const cluster_id = asked.cluster_id ?? (await invitation.defaultCluster(tx))
    if (!cluster_id || !(await invitation.clusterExists(tx, cluster_id)))
      throw notFound('cluster', cluster_id ?? 'default')
    const replaces_host_id = asked.replaces_host_id ?? null
    if (replaces_host_id !== null && !(await host.lock(tx, replaces_host_id))) throw notFound('host', replaces_host_id)
    const secret = Buffer.from(cloud.random.bytes(32)).toString('base64url')
    const secret_sha256 = hashOfSecret(secret)
    const expires_at = new Date(cloud.clock.now_ms() + (asked.minutes ?? 60) * 60_000)
    const id = makeId<HostInvitationId>(cloud)
    await invitation.insert(tx, {
      id,
      secret_sha256,
      cluster_id,
      replaces_host_id,
      created_by: caller.user_id,
      expires_at,
    })
    await event.record(tx, [
      { noun: 'host-invitation', kind: 'created', resource_id: id, project_id: null, ...by(caller) },
    ])
    const token = `croft1.${ca_fingerprint}.${secret}`
    const controller_url = cloud.self.agent_url
    const command = `./croft host join ${controller_url} ${token}`
    return {
      id,
      token,
      controller_url,
      command,
      warning: loopbackWarning(controller_url),
      expires_at: expires_at.toISOString(),
    }
  })
}

/** How machines join that have no token: what they are to be told, and whether they are let wait. */
export async function howToJoin(cloud: Cloud): Promise<ReplyOf<typeof hostRoutes.joining>> {
  const ca_fingerprint = await caFingerprint(cloud)
  const controller_url = cloud.self.agent_url
  const self_registration = cloud.settings.get('host.self_registration')
  const closed = self_registration ? null : closedWarning
  return {
    controller_url,
    ca_fingerprint,
    self_registration,
    command: `./croft host join ${controller_url} --authority ${ca_fingerprint}`,
    warning: [closed, loopbackWarning(controller_url)].filter(words => words !== null).join(' ') || null,
  }
}

const closedWarning =
  'Machines without a token are not let in now, and the command would be refused. Let them ask: croft setting set host.self_registration true; or make a token: croft host invite.'

/** `croft up` itself joins the controller's own machine in this way; nobody else can. */
function loopbackWarning(controller_url: string): string | null {
  const host = loopbackOf(controller_url)
  if (host === null) return null
  return `The controller listens for hosts at ${host}, which other machines cannot reach. To have more than one host, run on the controller's machine: croft up --cluster-address ADDRESS (its address on the network between hosts); then invite again.`
}
