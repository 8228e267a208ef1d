/**
 * How machines become hosts. Three ways: with a token, which an operator made; by waiting until an operator says yes to the
 * machine's key (host-registration.ts); and again, as the host that one is already, which only the old key proves. A machine id is no
 * secret: who knows one gets no certificate for it, and no guest.
 */
import { createHash } from 'node:crypto'
import { keyOfRequest, RequestRefused } from '../../lib/ca/ca.ts'
import { CloudError } from '../../model/errors.ts'
import type { RegisterReply } from '../../protocol/join.ts'
import type { Cloud } from '../cloud.ts'
import { channels, type Tx } from '../store/database.ts'
import { type JoiningHost, joiningHost } from '../store/joining-host.ts'
import { hostRegistration } from '../store/host-registration.ts'
import { type Invited, invitation } from '../store/host-invitation.ts'
import {
  answerWith,
  cloned,
  isJoined,
  isSame,
  type Joined,
  type Keyed,
  type Machine,
  makeHost,
  renewHost,
} from './host-certificate.ts'
import { heldAnswer } from './held-answer.ts'
import { isOtherMachine } from './host-identity.ts'
import { answerOf, register } from './host-wait.ts'

export function hashOfSecret(secret: string): Buffer {
  return createHash('sha256').update(secret).digest()
}

async function keyOf(csr_pem: string): Promise<Buffer> {
  return await keyOfRequest(csr_pem).catch((cause: unknown) => {
    throw cause instanceof RequestRefused ? new CloudError('invalid', cause.message, {}, { cause }) : cause
  })
}

function badToken(): CloudError {
  return new CloudError(
    'forbidden',
    'The token is not valid: it was used, is too old, or never was. Make a new one: croft host invite.',
  )
}

/**
 * A host joins with its token. Asked again with the same key, since the answer was lost, it is the same host again. A machine whose id
 * is known joins as that host if it proves to have the host's key, or if the token was made for that; else it waits for an operator, if
 * it can (`waits`). Throws forbidden for a token that is unknown, used by another or too old, conflict for a clone of a host that is linked.
 */
export async function joinHost(
  cloud: Cloud,
  asked: Machine & { token: string; waits: boolean },
): Promise<Joined | RegisterReply> {
  const machine = { ...asked, key_sha256: await keyOf(asked.csr_pem) }
  const secret_sha256 = hashOfSecret(asked.token.split('.')[2] ?? '')
  return await cloud.database.transaction(async tx => {
    const invited = await invitation.lock(tx, secret_sha256)
    if (!invited) throw badToken()
    if (invited.used_at !== null) return await askedAgain(cloud, tx, machine, invited)
    const known = await joiningHost.byMachine(tx, machine.machine_id)
    const as = await hostToBe(tx, machine, invited, known)
    if (as === 'unproven') {
      if (known?.is_linked) throw cloned()
      if (!asked.waits) throw unproven(known)
      const { cluster_id } = invited
      await invitation.use(tx, secret_sha256, { host_id: null, key_sha256: machine.key_sha256 })
      return await register(cloud, tx, machine, { cluster_id, known })
    }
    const joined = as ? await comeBack(cloud, tx, machine, as) : await enter(cloud, tx, machine, invited.cluster_id)
    await invitation.use(tx, secret_sha256, { host_id: joined.host_id, key_sha256: machine.key_sha256 })
    return joined
  })
}

/** The host that this machine is to be again, null for a new one, or that it has not proved to be the one whose machine id it shows. */
async function hostToBe(
  tx: Tx,
  machine: Keyed,
  { replaces_host_id }: Invited,
  known: JoiningHost | null,
): Promise<JoiningHost | null | 'unproven'> {
  if (replaces_host_id !== null) {
    const replaced = await joiningHost.find(tx, replaces_host_id)
    if (!replaced) throw badToken()
    if (known && known.id !== replaced.id) {
      throw new CloudError(
        'conflict',
        `The token is for ${replaced.name} to come back, and this machine has the machine id of ${known.name}. Give it an id ` +
          'of its own (rm /etc/machine-id; systemd-machine-id-setup), or make a token for the right host.',
      )
    }
    return replaced
  }
  if (!known) return null
  return isProven(machine, known) ? known : 'unproven'
}

/** It has the host's key, and is not on other hardware than the host, as a copy of its disk is. */
function isProven(machine: Keyed, known: JoiningHost): boolean {
  const has_key = machine.proven_host_id === known.id || isSame(known.key_sha256, machine.key_sha256)
  return has_key && !isOtherMachine(known.hardware_id, machine.hardware ?? undefined)
}

function unproven(known: JoiningHost | null): CloudError {
  const name = known?.name ?? 'another host'
  return new CloudError(
    'conflict',
    `This machine has the machine id of ${name} and does not prove to be it: its old key is gone, or its hardware is another. If it was installed anew, make a ` +
      `token for that: croft host invite --replaces-host ${known?.name ?? ''}. If it was cloned, give it an id of its own ` +
      '(rm /etc/machine-id; systemd-machine-id-setup).',
  )
}

/** A token that was used is good for who used it, and proves it. */
async function askedAgain(cloud: Cloud, tx: Tx, machine: Keyed, invited: Invited): Promise<Joined | RegisterReply> {
  const used = isSame(invited.key_sha256, machine.key_sha256)
  const user = invited.used_by_host_id === null ? null : await joiningHost.find(tx, invited.used_by_host_id)
  if (user && isProven(machine, user) && (machine.proven_host_id === user.id || used))
    return await comeBack(cloud, tx, machine, user)
  const row = used ? await hostRegistration.lockByKey(tx, machine.key_sha256) : null
  if (!row) throw badToken()
  return await answerOf(cloud, tx, row)
}

/** A new certificate for a host that there is; the old one is good no longer. */
async function comeBack(cloud: Cloud, tx: Tx, machine: Keyed, known: JoiningHost): Promise<Joined> {
  if (known.is_linked) throw cloned()
  const certificate_pem = await renewHost(cloud, tx, machine, known.id)
  return await answerWith(cloud, tx, { host_id: known.id, name: known.name, certificate_pem })
}

async function enter(cloud: Cloud, tx: Tx, machine: Keyed, cluster_id: string): Promise<Joined> {
  const name = await joiningHost.freeName(tx, machine.hostname)
  const { id, certificate_pem } = await makeHost(cloud, tx, machine, { name, cluster_id })
  return await answerWith(cloud, tx, { host_id: id, name, certificate_pem })
}

/**
 * A machine without a token asks to be a host, or what has come of it. Who proves to be a host gets a new certificate as that.
 * Throws forbidden where the settings do not let machines ask.
 */
async function registerOnce(cloud: Cloud, machine: Keyed): Promise<Joined | RegisterReply> {
  return await cloud.database.transaction(async tx => {
    const row = await hostRegistration.lockByKey(tx, machine.key_sha256)
    if (row) return await answerOf(cloud, tx, row)
    const proven = machine.proven_host_id === null ? null : await joiningHost.find(tx, machine.proven_host_id)
    if (proven && isProven(machine, proven)) return await comeBack(cloud, tx, machine, proven)
    if (!cloud.settings.get('host.self_registration')) {
      throw new CloudError(
        'forbidden',
        'This cloud takes no hosts without a token. Make one: croft host invite; or let machines ask: croft setting set host.self_registration true.',
      )
    }
    const known = proven ?? (await joiningHost.byMachine(tx, machine.machine_id))
    return await register(cloud, tx, machine, { cluster_id: null, known })
  })
}

/**
 * As registerOnce; while the machine has to wait, the answer is held back until an operator decides, `wait_s` is over or `gone`
 * says that nobody listens any more.
 */
export async function registerHost(
  cloud: Cloud,
  asked: Machine,
  wait_s: number,
  gone: AbortSignal,
): Promise<Joined | RegisterReply> {
  const machine = { ...asked, key_sha256: await keyOf(asked.csr_pem) }
  const waiting = { address: asked.address, wait_s, gone, channel: channels.registration }
  return await heldAnswer(cloud, waiting, () => registerOnce(cloud, machine), isJoined)
}
