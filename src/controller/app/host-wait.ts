/**
 * Machines that wait until an operator says yes to their key (host-registration.ts): written down, told what has come of it, bounded in
 * number, since nobody has asked them in.
 */
import { CloudError } from '../../model/errors.ts'
import type { HostRegistrationId } from '../../model/ids.ts'
import type { RegisterReply } from '../../protocol/join.ts'
import { type Cloud, makeId } from '../cloud.ts'
import type { Tx } from '../store/database.ts'
import { event } from '../store/event.ts'
import { type JoiningHost, joiningHost } from '../store/joining-host.ts'
import { hostRegistration, type RegistrationRow } from '../store/host-registration.ts'
import { answerWith, cloned, isSame, type Joined, type Keyed } from './host-certificate.ts'

/** Who asks no more is forgotten after so long. */
const pending_days = 1
/** More than any operator looks through; and few enough that nobody fills the database. */
const pending_max = 200
const pending_of_address_max = 50

const whyItWaits =
  'An operator has to approve this machine: croft host-registration list, or in the web UI under Asking to join.'

/** Writes down that the machine waits. Throws conflict for a clone, too_many_requests when too many wait. */
export async function register(
  cloud: Cloud,
  tx: Tx,
  machine: Keyed,
  { cluster_id, known }: { cluster_id: string | null; known: JoiningHost | null },
): Promise<RegisterReply> {
  if (known?.is_linked) throw cloned()
  const { all, of_address } = await hostRegistration.countPending(tx, machine.address)
  if (all >= pending_max || of_address >= pending_of_address_max) {
    throw new CloudError(
      'too_many_requests',
      'Too many machines wait for approval. Approve or reject some first: croft host-registration list.',
      { pending: all },
    )
  }
  const { csr_pem, key_sha256, hostname, machine_id, hardware, address, found } = machine
  const id = makeId<HostRegistrationId>(cloud)
  await hostRegistration.insert(tx, {
    ...{ id, csr_pem, key_sha256, hostname, machine_id, hardware, address, found, cluster_id },
    invited: cluster_id !== null,
    days: pending_days,
  })
  await event.record(tx, [{ noun: 'host-registration', kind: 'created', resource_id: id, project_id: null }])
  return {
    state: 'pending',
    registration_id: id,
    why: known ? `${whyItWaits} ${looksLike(known, machine)}` : whyItWaits,
  }
}

function looksLike({ id, name }: JoiningHost, { proven_host_id }: Keyed): string {
  if (proven_host_id === id) return `It has the key of the host ${name}, and not its hardware.`
  return `It has the machine id of the host ${name}, and not its key.`
}

/** What has come of it. Throws forbidden when it was turned away, or is the host no longer that it was approved as. */
export async function answerOf(
  cloud: Cloud,
  tx: Tx,
  row: NonNullable<RegistrationRow>,
): Promise<Joined | RegisterReply> {
  if (row.state === 'pending') {
    await hostRegistration.asked(tx, row.id, pending_days)
    return { state: 'pending', registration_id: row.id, why: whyItWaits }
  }
  if (row.state === 'rejected')
    throw new CloudError(
      'forbidden',
      'An operator has turned this machine away. Ask them why; a token lets it in: croft host invite.',
    )
  const approved = row.host_id === null ? null : await joiningHost.find(tx, row.host_id)
  if (!approved || row.certificate_pem === null || !isSame(approved.key_sha256, row.key_sha256)) {
    throw new CloudError(
      'forbidden',
      'This machine was approved before, and the host that it became has been removed or has joined again since. Join with a token: croft host invite.',
    )
  }
  const { certificate_pem } = row
  return await answerWith(cloud, tx, { host_id: approved.id, name: approved.name, certificate_pem })
}
