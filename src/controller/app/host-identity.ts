/**
 * Whether who has a host's key is the host: a copy of its whole disk has it, too, and its machine id. What no copy has is the hardware; where
 * that is another than the recorded, nothing is taken from the host, and an operator decides (docs/design/0017-hardware.md).
 */
import type { Host, hostRoutes } from '../../api/host.ts'
import type { BodyOf } from '../../api/route.ts'
import { CloudError, notFound } from '../../model/errors.ts'
import {
  compareHardware,
  type HardwareId,
  hardwareWords,
  isSameSaying,
  mergedHardware,
} from '../../model/hardware-id.ts'
import type { Cloud } from '../cloud.ts'
import { channels, type Database, type Tx } from '../store/database.ts'
import { event } from '../store/event.ts'
import { host } from '../store/host.ts'
import { hostIdentity, type Identified } from '../store/host-identity.ts'
import { by, type Caller } from './caller.ts'
import { change } from './change.ts'
import { heldAnswer } from './held-answer.ts'

/** Whether it is to be taken as the host that is known by `known`: what nothing is known of cannot be another one. */
export function isOtherMachine(known: HardwareId | null, said: HardwareId | undefined): boolean {
  return known !== null && said !== undefined && compareHardware(known, said) === 'other'
}

/** Whether there is nothing to be noted of what it says. */
export function isSettledMachine(known: HardwareId | null, said: HardwareId | undefined): boolean {
  return said === undefined || (known !== null && isSameSaying(known, mergedHardware(known, said)))
}

/**
 * As its link begins: false when it is another machine than the host, of which that is noted. The first that a host says is its own, as of
 * its address; what it says more of the same is learnt.
 */
export async function isHostItself(
  tx: Tx,
  host_id: string,
  said: HardwareId | undefined,
  address: string | null,
): Promise<boolean> {
  if (said === undefined) return true
  const known = await hostIdentity.lock(tx, host_id)
  if (!known) return true
  if (isOtherMachine(known.hardware_id, said)) {
    await noteOther(tx, known, said, address)
    return false
  }
  if (!isSettledMachine(known.hardware_id, said))
    await hostIdentity.learn(tx, host_id, mergedHardware(known.hardware_id, said))
  return true
}

/** For the agent's log. */
export const not_itself =
  'this machine has the key of a host whose hardware is another: it is a copy of that, or its board was exchanged; an operator decides'

async function noteOther(tx: Tx, known: Identified, said: HardwareId, address: string | null): Promise<void> {
  if (!(await hostIdentity.noteOther(tx, known, said, address ?? ''))) return
  const detail = { other_hardware: hardwareWords(said), address }
  await event.record(tx, [{ noun: 'host', kind: 'changed', resource_id: known.id, project_id: null, detail }])
}

export interface Answered {
  state: 'known' | 'other'
  why: string
}

/**
 * A machine with the host's key has found that it is not on the hardware that it joined with, and asks whether it is the host all the same.
 * Where no hardware is recorded, its own word is enough to ask an operator. The answer is held back until there is news, or `wait_s` is over.
 */
export function askHardware(
  cloud: Cloud,
  host_id: string,
  asked: { hardware: HardwareId; address: string; wait_s: number; gone: AbortSignal },
): Promise<Answered> {
  const { hardware, address, wait_s, gone } = asked
  const once = () =>
    cloud.database.transaction(async (tx): Promise<Answered> => {
      const known = await hostIdentity.lock(tx, host_id)
      if (!known) throw new CloudError('not_signed_in', 'This host was removed from the cloud.')
      const { name, hardware_id } = known
      if (hardware_id !== null && compareHardware(hardware_id, hardware) === 'same')
        return { state: 'known', why: `This is the hardware of the host ${name}.` }
      await noteOther(tx, known, hardware, address)
      return { state: 'other', why: whyOther(known, hardware) }
    })
  return heldAnswer(
    cloud,
    { address, wait_s, gone, channel: channels.registration },
    once,
    one => one.state === 'known',
  )
}

function whyOther({ name, hardware_id }: Identified, said: HardwareId): string {
  const [was, is] = [hardware_id, said].map(hardwareWords)
  return (
    `This machine (${is ?? 'unknown'}) has the key of the host ${name}${was == null ? '' : ` (${was})`}. If the board was exchanged, or this ` +
    `machine replaces that one: croft host adopt-hardware ${name}. If it is a copy of its disk, make it a host of its own: remove the agent’s ` +
    'state folder and /etc/machine-id (systemd-machine-id-setup), and join again.'
  )
}

/** Who is not the host may not leave in its name. Throws conflict. */
export async function mustBeItself(database: Database, host_id: string, said: HardwareId | undefined): Promise<void> {
  const known = await database.transaction(tx => hostIdentity.lock(tx, host_id))
  if (known && isOtherMachine(known.hardware_id, said)) {
    throw new CloudError(
      'conflict',
      `This machine has the key of the host ${known.name} and is not on its hardware: it is a copy, or its board was exchanged. Only the host ` +
        `itself leaves. If it is that: croft host adopt-hardware ${known.name}.`,
    )
  }
}

/**
 * An operator says that the machine that asks is the host: its board was exchanged, or its disk is in another machine now. Whoever says so
 * vouches that the host's hardware of before is off, and stays so. Throws wrong_state while the host is linked, or when none asks.
 */
export function adoptHardware(
  cloud: Cloud,
  caller: Caller,
  id: string,
  asked: BodyOf<typeof hostRoutes.adoptHardware>,
): Promise<Host> {
  return change(cloud, caller, async tx => {
    const known = await hostIdentity.lock(tx, id)
    if (!known) throw notFound('host', id)
    const { name, other } = known
    if (!other) {
      throw new CloudError(
        'wrong_state',
        `No machine with the key of the host ${name} and other hardware has asked of late. Start its agent there, and look again.`,
      )
    }
    const words = hardwareWords(other.hardware)
    if (asked.hardware !== undefined && asked.hardware !== words) {
      throw new CloudError(
        'conflict',
        `What asks now is ${words ?? 'unknown'}, and not what you have seen. Look again: croft host get ${name}.`,
      )
    }
    if (known.is_linked) {
      throw new CloudError(
        'wrong_state',
        `The host ${name} is linked right now, from its own hardware: what asks is a copy of it. If that is to be the host from now on, ` +
          'switch the other off for good first: its instances would run twice.',
      )
    }
    await hostIdentity.set(tx, id, other.hardware)
    const detail = { hardware: words, hardware_before: hardwareWords(known.hardware_id) }
    await event.record(tx, [
      { noun: 'host', kind: 'changed', resource_id: id, project_id: null, ...by(caller), detail },
    ])
    await event.notify(tx, channels.registration, id)
    const found = await host.find(tx, id)
    if (!found) throw notFound('host', id)
    return found
  })
}

/** Machines that ask no more are shown no more. */
const silent_minutes = 15

export async function forgetSilentHardware({ database }: Pick<Cloud, 'database'>): Promise<void> {
  if (!(await hostIdentity.isAnyOther(database.db))) return
  await database.transaction(async tx => {
    const ids = await hostIdentity.forgetSilent(tx, silent_minutes)
    await event.record(
      tx,
      ids.map(resource_id => ({ noun: 'host', kind: 'changed', resource_id, project_id: null })),
    )
  })
}
