/** Hosts: how they join and leave, and what an administrator sets on them. */
import { createHash } from 'node:crypto'
import type { Host, hostRoutes } from '../../api/host.ts'
import type { BodyOf, QueryOf, ReplyOf } from '../../api/route.ts'
import { isLoopback } from '../../lib/ip.ts'
import { CloudError, notFound } from '../../model/errors.ts'
import type { HostId } from '../../model/ids.ts'
import { linkUrlOf } from '../../protocol/join.ts'
import { type Cloud, makeId } from '../cloud.ts'
import { controller } from '../store/controller.ts'
import { channels, type Tx } from '../store/database.ts'
import { event } from '../store/event.ts'
import { host } from '../store/host.ts'
import { instance } from '../store/instance.ts'
import { invitation } from '../store/invitation.ts'
import { pool } from '../store/pool.ts'
import { observed } from '../store/observed.ts'
import type { Page } from '../store/page.ts'
import { caFingerprint, signAgent } from './authority.ts'
import { by, type Caller } from './caller.ts'
import { change, withoutKey } from './change.ts'
import { volume } from '../store/volume.ts'
import { takeOut } from './instance-gone.ts'
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
  return change(cloud, caller, async tx => {
    await host.update(tx, id, asked)
    const found = await host.find(tx, id)
    if (!found) throw notFound('host', id)
    await record(tx, id, 'changed', caller)
    // Labels say which hosts are the way outside.
    if (asked.labels) {
      await event.notify(tx, channels.host, id)
      await event.notify(tx, channels.network, '')
    }
    return found
  })
}

/**
 * Takes a host out. One with instances, deleted ones that can still be recovered included, only as lost: then their records
 * go with it. Whoever says so vouches that it is off for good, as nothing stops what may still run there; should it dial in
 * again, its certificate is refused and its disks are as they were.
 */
export function removeHost(cloud: Cloud, caller: Caller, id: string, lost: boolean): Promise<null> {
  return change(cloud, caller, async tx => {
    const found = await host.lockWhole(tx, id)
    if (!found) throw notFound('host', id)
    const count = await host.instanceCount(tx, id)
    const heir = await pool.neighbour(tx, id, false)
    if (heir !== null) await leaveLoose(tx, id, heir)
    const volumes = await volume.looseCount(tx, id)
    if (count > 0 && !lost) {
      throw new CloudError(
        'in_use',
        `The host ${found.name} still holds ${count} instances (deleted ones count until they are purged). Delete or move them first. If it will never be back, remove it as lost.`,
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
    if (count + volumes > 0 && found.session_controller_id !== null) {
      throw new CloudError(
        'wrong_state',
        `The host ${found.name} answers, so it is not lost. Delete its instances and volumes first.`,
      )
    }
    await giveUpContent(tx, id, `the host ${found.name} was removed as lost by ${caller.user_name}`)
    await host.remove(tx, id)
    await record(tx, id, 'deleted', caller)
    await event.notify(tx, channels.network, '')
    return null
  })
}

/** Volumes that no instance has are in a pool that another host has, too: it sees to them from now on. */
async function leaveLoose(tx: Tx, host_id: string, heir: string): Promise<void> {
  const loose = await volume.lockLoose(tx, host_id)
  await pool.rehome(
    tx,
    loose.map(row => row.id),
    heir,
  )
  if (loose.some(row => row.deleted_at !== null)) await event.wakeHosts(tx, [heir])
}

async function giveUpContent(tx: Tx, host_id: string, why: string): Promise<void> {
  const ids = (await observed.ofHost(tx, host_id)).map(one => one.id)
  await event.record(tx, await takeOut(tx, await instance.lockAll(tx, ids), why, true))
  for (const row of await volume.lockLoose(tx, host_id)) await takeOutVolume(tx, row)
}

async function record(tx: Tx, id: string, kind: string, caller: Caller | null): Promise<void> {
  const who = caller ? by(caller) : {}
  await event.record(tx, [{ noun: 'host', kind, resource_id: id, project_id: null, ...who }])
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
    const secret = Buffer.from(cloud.random.bytes(32)).toString('base64url')
    const expires_at = new Date(cloud.clock.now_ms() + (asked.minutes ?? 60) * 60_000)
    await invitation.insert(tx, { secret_sha256: hashOf(secret), cluster_id, created_by: caller.user_id, expires_at })
    const token = `croft1.${ca_fingerprint}.${secret}`
    const controller_url = cloud.self.agent_url
    const command = `./croft host join ${controller_url} ${token}`
    return {
      token,
      controller_url,
      command,
      warning: loopbackWarning(controller_url),
      expires_at: expires_at.toISOString(),
    }
  })
}

/** `croft up` itself joins the controller's own machine in this way; nobody else can. */
function loopbackWarning(controller_url: string): string | null {
  const { hostname } = new URL(controller_url)
  if (!isLoopback(hostname.replace(/^\[|\]$/g, ''))) return null
  return `The controller listens for hosts at ${hostname}, which other machines cannot reach. To have more than one host, run on the controller's machine: croft up --cluster-address ADDRESS (its address on the network between hosts); then invite again.`
}

function hashOf(secret: string): Buffer {
  return createHash('sha256').update(secret).digest()
}

export interface JoinAsked {
  /** The whole token as invited. */
  token: string
  csr_pem: string
  hostname: string
  machine_id: string
}

export interface Joined {
  host_id: string
  certificate_pem: string
  ca_pem: string
  link_urls: string[]
}

function badToken(): CloudError {
  return new CloudError(
    'forbidden',
    'The token is not valid: it was used, is too old, or never was. Make a new one: croft host invite.',
  )
}

/**
 * A host joins with its token. The same machine joining again (reinstalled, or the answer was lost) is the same host with
 * a new certificate; the old one is good no longer. Throws forbidden for a token that is unknown, used by another or too old.
 */
export async function joinHost(cloud: Cloud, asked: JoinAsked): Promise<Joined> {
  const secret = asked.token.split('.')[2] ?? ''
  return await cloud.database.transaction(async tx => {
    const invited = await invitation.lock(tx, hashOf(secret))
    if (!invited) throw badToken()
    const known = await host.byMachine(tx, asked.machine_id)
    if (invited.used_at !== null && invited.used_by_host_id !== known?.id) throw badToken()
    if (known?.is_linked) {
      throw new CloudError(
        'conflict',
        'A host with the machine id of this one is linked right now. If this machine was cloned from it, give it an id of ' +
          'its own (rm /etc/machine-id; systemd-machine-id-setup); if it is the same, stop its agent and try again.',
      )
    }
    const id = known?.id ?? makeId<HostId>(cloud)
    const { certificate_pem, ca_pem, sha256 } = await signAgent(cloud, asked.csr_pem, id)
    const certificate_sha256 = Buffer.from(sha256)
    if (known) await host.renew(tx, id, certificate_sha256)
    else {
      const name = await host.freeName(tx, asked.hostname)
      await host.insert(tx, {
        id,
        name,
        cluster_id: invited.cluster_id,
        machine_id: asked.machine_id,
        certificate_sha256,
      })
    }
    await invitation.use(tx, hashOf(secret), id)
    await record(tx, id, known ? 'changed' : 'created', null)
    const link_urls = (await controller.urls(tx)).map(linkUrlOf)
    return { host_id: id, certificate_pem, ca_pem, link_urls }
  })
}
