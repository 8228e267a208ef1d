/** Management controllers of hosts: set, tested, and opened for who cuts power. Passwords go in, and are never shown again. */
import type { HostBmc, hostBmcRoutes } from '../../api/host-bmc.ts'
import type { BodyOf, ReplyOf } from '../../api/route.ts'
import { CloudError, notFound } from '../../model/errors.ts'
import type { Cloud } from '../cloud.ts'
import { type Bmc, FenceFailed } from '../fencing/fence.ts'
import type { Db, Tx } from '../store/database.ts'
import { event } from '../store/event.ts'
import { host } from '../store/host.ts'
import { hostBmc, type HostBmcRow } from '../store/host-bmc.ts'
import { by, type Caller } from './caller.ts'
import { change } from './change.ts'

const sealName = (host_id: string) => `bmc of ${host_id}`

function noBmc(host_id: string): CloudError {
  return new CloudError(
    'not_found',
    'The host has no management controller set, so its power cannot be cut: croft host-bmc set.',
    { noun: 'host-bmc', id: host_id },
  )
}

async function mustFind(db: Db, host_id: string): Promise<HostBmcRow> {
  const row = await hostBmc.find(db, host_id)
  if (row) return row
  throw (await host.find(db, host_id)) ? noBmc(host_id) : notFound('host', host_id)
}

export async function getHostBmc(cloud: Cloud, host_id: string): Promise<HostBmc> {
  return hostBmc.shown(await mustFind(cloud.database.db, host_id))
}

export function setHostBmc(
  cloud: Cloud,
  caller: Caller,
  host_id: string,
  asked: BodyOf<typeof hostBmcRoutes.set>,
): Promise<HostBmc> {
  return change(cloud, caller, async tx => {
    if (!(await host.lock(tx, host_id))) throw notFound('host', host_id)
    const before = await hostBmc.find(tx, host_id)
    const row = await hostBmc.put(tx, host_id, {
      kind: asked.kind,
      address: asked.address,
      port: asked.port ?? null,
      user_name: asked.user,
      sealed_password: sealedPassword(cloud, host_id, asked, before),
      cipher_suite: asked.cipher_suite ?? 3,
      certificate_sha256: asked.certificate_sha256?.toLowerCase() ?? null,
      ca_pem: asked.ca_pem ?? null,
      system: asked.system ?? null,
    })
    await tell(tx, caller, host_id)
    return hostBmc.shown(row)
  })
}

/** The old password stays only with the old place: else who may set a place, but does not know the password, could have it sent to their own. */
function sealedPassword(
  cloud: Cloud,
  host_id: string,
  asked: BodyOf<typeof hostBmcRoutes.set>,
  before: HostBmcRow | null,
): Buffer {
  if (asked.password !== undefined)
    return Buffer.from(cloud.sealer.seal(sealName(host_id), Buffer.from(asked.password)))
  const same =
    before?.kind === asked.kind &&
    before.address === asked.address &&
    before.port === (asked.port ?? null) &&
    before.certificate_sha256 === (asked.certificate_sha256?.toLowerCase() ?? null) &&
    before.ca_pem === (asked.ca_pem ?? null)
  if (before && same) return before.sealed_password
  throw new CloudError(
    'invalid',
    'Give the password: it is asked for anew with each other address, port or certificate.',
  )
}

export function removeHostBmc(cloud: Cloud, caller: Caller, host_id: string): Promise<null> {
  return change(cloud, caller, async tx => {
    if (!(await hostBmc.remove(tx, host_id))) await mustFind(tx, host_id)
    await tell(tx, caller, host_id)
    return null
  })
}

/** Asked before the transaction: a BMC may take seconds. */
export async function testHostBmc(
  cloud: Cloud,
  caller: Caller,
  host_id: string,
): Promise<ReplyOf<typeof hostBmcRoutes.test>> {
  const bmc = openBmc(cloud, await mustFind(cloud.database.db, host_id))
  const begun_ms = cloud.clock.steady_ms()
  const { power, failure } = await cloud.fencing.power(bmc).then(
    power => ({ power, failure: null }),
    (error: unknown) => {
      if (error instanceof FenceFailed) return { power: null, failure: error.message }
      throw error
    },
  )
  const took_ms = cloud.clock.steady_ms() - begun_ms
  return change(cloud, caller, async tx => {
    await hostBmc.noteTest(tx, host_id, failure)
    await tell(tx, caller, host_id)
    return { power, failure, took_ms }
  })
}

/** With its password, for whoever is to use it now. Throws the sealer's error when it was sealed with another key. */
export function openBmc(cloud: Pick<Cloud, 'sealer'>, row: HostBmcRow): Bmc {
  const { kind, address, port, cipher_suite, certificate_sha256, ca_pem, system } = row
  const password = Buffer.from(cloud.sealer.unseal(sealName(row.host_id), row.sealed_password)).toString()
  return { kind, address, port, user: row.user_name, password, cipher_suite, certificate_sha256, ca_pem, system }
}

async function tell(tx: Tx, caller: Caller, host_id: string): Promise<void> {
  await event.record(tx, [
    { noun: 'host', kind: 'changed', resource_id: host_id, project_id: null, ...by(caller), detail: { of: 'bmc' } },
  ])
}
