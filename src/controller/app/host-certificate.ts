/** What joining in any way ends in: a certificate, for a host that is new or comes back. Who may have it is decided by who calls. */
import { timingSafeEqual } from 'node:crypto'
import { CloudError } from '../../model/errors.ts'
import type { HardwareId } from '../../model/hardware-id.ts'
import type { HostId } from '../../model/ids.ts'
import { type FoundSummary, linkUrlOf, type RegisterReply } from '../../protocol/join.ts'
import { type Cloud, makeId } from '../cloud.ts'
import { onConstraint } from '../store/constraint.ts'
import { controller } from '../store/controller.ts'
import type { Tx } from '../store/database.ts'
import { event } from '../store/event.ts'
import { joiningHost } from '../store/joining-host.ts'
import { authorityCertificate, signAgent } from './authority.ts'

/** A machine that wants to be a host, as it says, and as its connection shows. */
export interface Machine {
  csr_pem: string
  hostname: string
  machine_id: string
  /** By what it is known; null where it says nothing. */
  hardware: HardwareId | null
  found: FoundSummary
  /** Where it asks from. */
  address: string
  /** The host whose current certificate the connection has shown, if it has shown one. */
  proven_host_id: string | null
}

export interface Joined {
  host_id: string
  name: string
  certificate_pem: string
  ca_pem: string
  link_urls: string[]
}

export const isJoined = (answer: Joined | RegisterReply): answer is Joined => 'certificate_pem' in answer

/** A machine, with the key that it has proved to have. */
export type Keyed = Machine & { key_sha256: Buffer }

export function isSame(one: Buffer | null, other: Buffer): boolean {
  return one !== null && one.length === other.length && timingSafeEqual(one, other)
}

export function cloned(): CloudError {
  return new CloudError(
    'conflict',
    'A host with the machine id of this one is linked right now. If this machine was cloned from it, give it an id of ' +
      'its own (rm /etc/machine-id; systemd-machine-id-setup); if it is the same, stop its agent and try again.',
  )
}

export async function answerWith(cloud: Cloud, tx: Tx, made: Omit<Joined, 'ca_pem' | 'link_urls'>): Promise<Joined> {
  return {
    ...made,
    ca_pem: await authorityCertificate(cloud),
    link_urls: (await controller.urls(tx, cloud.self.agent_url)).map(linkUrlOf),
  }
}

type Signs = Pick<Keyed, 'csr_pem' | 'key_sha256' | 'machine_id' | 'hardware'>

/** Gives the certificate, PEM. */
export async function renewHost(cloud: Cloud, tx: Tx, machine: Signs, id: string): Promise<string> {
  const { machine_id, key_sha256, hardware } = machine
  const { certificate_pem, sha256 } = await signAgent(cloud, machine.csr_pem, id)
  await joiningHost.renew(tx, id, { machine_id, key_sha256, hardware, certificate_sha256: Buffer.from(sha256) })
  await event.record(tx, [{ noun: 'host', kind: 'changed', resource_id: id, project_id: null }])
  return certificate_pem
}

/** Throws conflict when another one of that name or machine came at the same moment. */
export async function makeHost(
  cloud: Cloud,
  tx: Tx,
  machine: Signs,
  place: { name: string; cluster_id: string },
): Promise<{ id: string; certificate_pem: string }> {
  const id = makeId<HostId>(cloud)
  const { certificate_pem, sha256 } = await signAgent(cloud, machine.csr_pem, id)
  const { machine_id, key_sha256, hardware } = machine
  const taken = () =>
    new CloudError('conflict', `Another host took the name ${place.name} or this machine id just now. Try again.`)
  await onConstraint(
    joiningHost.insert(tx, { id, ...place, machine_id, key_sha256, hardware, certificate_sha256: Buffer.from(sha256) }),
    { host_name_key: taken, host_machine_id_key: taken },
  )
  await event.record(tx, [{ noun: 'host', kind: 'created', resource_id: id, project_id: null }])
  return { id, certificate_pem }
}
