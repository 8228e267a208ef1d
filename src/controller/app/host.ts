/** Hosts: how they join and leave, and what an administrator sets on them. */
import type { Host, hostRoutes } from '../../api/host.ts'
import type { BodyOf, QueryOf, ReplyOf } from '../../api/route.ts'
import { isLoopback, isOfMachine } from '../../lib/ip.ts'
import { CloudError, notFound } from '../../model/errors.ts'
import type { HostFacts } from '../../protocol/host-facts.ts'
import type { HostInvitationId } from '../../model/ids.ts'
import { type Cloud, makeId } from '../cloud.ts'
import { onConstraint } from '../store/constraint.ts'
import { channels, type Tx } from '../store/database.ts'
import { event } from '../store/event.ts'
import { host, type LockedHost } from '../store/host.ts'
import { lockClaims } from '../store/host-claim.ts'
import { applyLimits } from '../store/host-limits.ts'
import { instance, type LockedInstance } from '../store/instance.ts'
import { invitation } from '../store/host-invitation.ts'
import { migration } from '../store/migration.ts'
import { observed } from '../store/observed.ts'
import type { Page } from '../store/page.ts'
import { pool } from '../store/pool.ts'
import { volume } from '../store/volume.ts'
import { caFingerprint } from './authority.ts'
import { by, type Caller } from './caller.ts'
import { change, withoutKey } from './change.ts'
import { changesOf } from './changed.ts'
import { moveToCluster } from './host-cluster.ts'
import { hashOfSecret } from './host-join.ts'
import { takeOut } from './instance-gone.ts'
import { roomCame } from './maintenance.ts'
import { endWithInstances } from './migration-steps.ts'
import { takeOutVolume } from './volume-gone.ts'

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

/**
 * Takes a host out. One with instances, deleted ones that can still be recovered included, only as lost: then their records
 * go with it. Whoever says so vouches that it is off for good, as nothing stops what may still run there; should it dial in
 * again, its certificate is refused and its disks are as they were.
 */
export function removeHost(cloud: Cloud, caller: Caller, id: string, lost: boolean): Promise<null> {
  return change(cloud, caller, async tx => {
    await pool.lockOfHost(tx, id)
    // Instances, volumes, quota and claims come before the row is shut to whoever places something there: store/database.ts.
    const found = await host.lock(tx, id)
    if (!found) throw notFound('host', id)
    const ids = lost ? (await observed.ofHosts(tx, [id])).map(one => one.id) : []
    const rows = await instance.lockAll(tx, ids)
    await leaveLoose(tx, id)
    if (!lost) await lockClaims(tx, [id])
    const count = await host.instanceCount(tx, id)
    const moves = (await migration.openOfHost(tx, id)).length
    if (moves > 0 && !lost) {
      throw new CloudError(
        'in_use',
        `The host ${found.name} still has a part in ${moves} migrations (croft migration list --host-id ${id} --open). Wait for their end. If it will never be back, remove it as lost: croft host remove ${found.name} --lost.`,
        { migrations: moves },
      )
    }
    const volumes = await volume.looseCount(tx, id)
    if (count > 0 && !lost) {
      throw new CloudError(
        'in_use',
        `The host ${found.name} still holds ${count} instances (deleted ones count until they are purged). Empty it first: croft host maintenance start ${found.name}; or delete them. If it will never be back, remove it as lost.`,
        { instances: count },
      )
    }
    if (volumes > 0 && !lost) {
      throw new CloudError(
        'in_use',
        `The host ${found.name} still holds ${volumes} volumes that no instance has (croft volume list). Delete them first. If it will never be back, remove it as lost.`,
        { volumes },
      )
    }
    if (lost && found.session_controller_id !== null) {
      const instead = count + volumes + moves > 0 ? 'Move or delete its instances and volumes first' : 'It is empty'
      throw new CloudError(
        'wrong_state',
        `The host ${found.name} answers, so it is not lost. ${instead}; then: croft host remove ${found.name}.`,
      )
    }
    const undecided = await migration.undecidedFrom(tx, id)
    if (undecided) {
      const { instance_name: name, target_host } = undecided
      throw new CloudError(
        'wrong_state',
        `The instance ${name} was on its way from ${found.name} to ${target_host}, which does not answer and may have it. Taken out now, ${name} would go with its records. Wait until ${target_host} is back; if it never will be, remove that one as lost first.`,
      )
    }
    const why = `the host ${found.name} was removed as lost by ${caller.user_name}`
    await giveUpContent(tx, id, rows, why)
    if (lost) await waitForPlacing(tx, found)
    await host.remove(tx, id)
    // Where it has a part in a migration, the loop for those sees that it is gone.
    await event.notify(tx, channels.work, 'migration')
    await record(tx, id, 'deleted', caller)
    await event.notify(tx, channels.network, '')
    return null
  })
}

/**
 * Who is placing something there just now is waited for, and who comes after that finds the host gone. What was placed meanwhile is in nobody's
 * list, and would be on a host that is no more for ever: throws in_use.
 */
async function waitForPlacing(tx: Tx, { id, name }: LockedHost): Promise<void> {
  await lockClaims(tx, [id])
  if ((await host.instanceCount(tx, id)) + (await volume.looseCount(tx, id)) === 0) return
  throw new CloudError(
    'in_use',
    `Something was placed on the host ${name} at this very moment. Look what it is, and ask again.`,
  )
}

/** Where volumes that no instance has are in a pool that another host has, too, that one sees to them from now on. After pool.lockOfHost. */
export async function leaveLoose(tx: Tx, host_id: string): Promise<void> {
  const heir = await pool.neighbour(tx, host_id, false)
  if (heir === null) return
  const loose = await volume.lockLoose(tx, host_id)
  await pool.rehome(
    tx,
    loose.map(row => row.id),
    heir,
  )
  if (loose.some(row => row.deleted_at !== null)) await event.wakeHosts(tx, [heir])
}

async function giveUpContent(tx: Tx, host_id: string, rows: readonly LockedInstance[], why: string): Promise<void> {
  const loose = await volume.lockLoose(tx, host_id)
  await endWithInstances(
    tx,
    rows.map(row => row.id),
    why,
  )
  await event.record(tx, await takeOut(tx, rows, why, true))
  for (const row of loose) await takeOutVolume(tx, row)
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
  const { hostname } = new URL(controller_url)
  if (!isLoopback(hostname.replace(/^\[|\]$/g, ''))) return null
  return `The controller listens for hosts at ${hostname}, which other machines cannot reach. To have more than one host, run on the controller's machine: croft up --cluster-address ADDRESS (its address on the network between hosts); then invite again.`
}
