/** An operator decides on machines that wait to be hosts (host-join.ts). All that follows from a yes is in one transaction. */
import type { HostRegistration, hostRegistrationRoutes } from '../../api/host-registration.ts'
import type { BodyOf, QueryOf } from '../../api/route.ts'
import { CloudError, notFound } from '../../model/errors.ts'
import type { Cloud } from '../cloud.ts'
import type { Tx } from '../store/database.ts'
import { event } from '../store/event.ts'
import { joiningHost } from '../store/joining-host.ts'
import { hostRegistration, type RegistrationRow } from '../store/host-registration.ts'
import { invitation } from '../store/host-invitation.ts'
import type { Page } from '../store/page.ts'
import { by, type Caller } from './caller.ts'
import { change } from './change.ts'
import { makeHost, renewHost } from './host-certificate.ts'

export function listRegistrations(
  cloud: Cloud,
  query: QueryOf<typeof hostRegistrationRoutes.list>,
): Promise<Page<HostRegistration>> {
  return hostRegistration.list(cloud.database.db, query)
}

export async function getRegistration(cloud: Cloud, id: string): Promise<HostRegistration> {
  const found = await hostRegistration.find(cloud.database.db, id)
  if (!found) throw notFound('host-registration', id)
  return found
}

type Row = NonNullable<RegistrationRow>
type Approval = BodyOf<typeof hostRegistrationRoutes.approve>

async function pending(tx: Tx, id: string): Promise<Row> {
  const row = await hostRegistration.lock(tx, id)
  if (!row) throw notFound('host-registration', id)
  if (row.state !== 'pending')
    throw new CloudError('wrong_state', `The machine ${row.hostname} was ${row.state} before.`, { state: row.state })
  return row
}

async function decided(tx: Tx, caller: Caller, id: string): Promise<HostRegistration> {
  await event.record(tx, [
    { noun: 'host-registration', kind: 'changed', resource_id: id, project_id: null, ...by(caller) },
  ])
  const found = await hostRegistration.find(tx, id)
  if (!found) throw notFound('host-registration', id)
  return found
}

/** The certificate is made now, and handed to the machine when it asks next; any number of times, to the same key alone. */
export function approveRegistration(
  cloud: Cloud,
  caller: Caller,
  id: string,
  asked: Approval,
): Promise<HostRegistration> {
  return change(cloud, caller, async tx => {
    const row = await pending(tx, id)
    const known = await joiningHost.byMachine(tx, row.machine_id)
    if (known && asked.replaces_host_id !== known.id) {
      throw new CloudError(
        'conflict',
        `The machine has the machine id of the host ${known.name}. If it is that one, installed anew, approve it as that ` +
          `(replaces_host_id ${known.id}). If it was cloned, reject it, and give it an id of its own there: rm /etc/machine-id; systemd-machine-id-setup.`,
        { host_id: known.id },
      )
    }
    const let_in =
      asked.replaces_host_id === undefined
        ? await asNew(cloud, tx, row, asked)
        : await asKnown(cloud, tx, row, asked.replaces_host_id)
    await hostRegistration.decide(tx, id, {
      state: 'approved',
      decided_by: caller.user_id,
      ...let_in,
    })
    return await decided(tx, caller, id)
  })
}

async function asNew(cloud: Cloud, tx: Tx, row: Row, asked: Approval) {
  const cluster_id = asked.cluster_id ?? row.cluster_id ?? (await invitation.defaultCluster(tx))
  if (!cluster_id || !(await invitation.clusterExists(tx, cluster_id)))
    throw notFound('cluster', cluster_id ?? 'default')
  if (asked.name === undefined && asked.as_new !== true) await mustBeAnother(tx, row)
  const name = asked.name ?? (await joiningHost.freeName(tx, row.hostname))
  if (asked.name !== undefined && (await joiningHost.freeName(tx, asked.name)) !== asked.name)
    throw new CloudError('name_taken', `There is a host '${asked.name}' already. Choose another name.`)
  const { id, certificate_pem } = await makeHost(cloud, tx, row, { name, cluster_id })
  return { host_id: id, certificate_pem, cluster_id }
}

/** A host that does not answer may be this very machine, installed anew: as a new one it would leave its instances on what is gone. */
async function mustBeAnother(tx: Tx, { id, hostname }: Row): Promise<void> {
  const same = await joiningHost.byName(tx, hostname)
  if (!same || same.is_linked) return
  const approve = `croft host-registration approve ${id}`
  throw new CloudError(
    'conflict',
    `There is a host ${same.name} that does not answer. If the machine is that one, installed anew, approve it as that: ${approve} ` +
      `--replaces-host ${same.name} (replaces_host_id ${same.id}). If it is another one: ${approve} --as-new (as_new), or give it a --name.`,
    { host_id: same.id },
  )
}

async function asKnown(cloud: Cloud, tx: Tx, row: Row, host_id: string) {
  const replaced = await joiningHost.find(tx, host_id)
  if (!replaced) throw notFound('host', host_id)
  if (replaced.is_linked) {
    throw new CloudError(
      'wrong_state',
      `The host ${replaced.name} is linked right now, so it was not installed anew. Stop its agent first if it is to be replaced.`,
    )
  }
  return { host_id, certificate_pem: await renewHost(cloud, tx, row, host_id), cluster_id: replaced.cluster_id }
}

export function rejectRegistration(cloud: Cloud, caller: Caller, id: string): Promise<HostRegistration> {
  return change(cloud, caller, async tx => {
    await pending(tx, id)
    await hostRegistration.decide(tx, id, { state: 'rejected', decided_by: caller.user_id })
    return await decided(tx, caller, id)
  })
}
