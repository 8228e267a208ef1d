/**
 * Fencing by a person's word: a host that does not answer has its power cut now, or somebody vouches that it is off. What runs
 * elsewhere because of it is the reconciler's; whoever vouches for what is not so lets instances run twice.
 */
import type { Host, hostRoutes } from '../../api/host.ts'
import type { BodyOf } from '../../api/route.ts'
import { CloudError, notFound } from '../../model/errors.ts'
import { fencedHow, type FencingMethod } from '../../model/host-state.ts'
import type { Cloud } from '../cloud.ts'
import { FenceFailed } from '../fencing/fence.ts'
import { absence } from '../store/absence.ts'
import { channels, type Tx } from '../store/database.ts'
import { event } from '../store/event.ts'
import { host } from '../store/host.ts'
import { hostBmc } from '../store/host-bmc.ts'
import { by, type Caller } from './caller.ts'
import { change } from './change.ts'
import { openBmc } from './host-bmc.ts'

export async function fenceHost(
  cloud: Cloud,
  caller: Caller,
  id: string,
  asked: BodyOf<typeof hostRoutes.fence>,
): Promise<Host> {
  const found = await host.find(cloud.database.db, id)
  if (!found) throw notFound('host', id)
  if (asked.name !== undefined && asked.name !== found.name)
    throw new CloudError('invalid', `The host is called ${found.name}, not ${asked.name}. Give its name to confirm.`)
  mustBeGone(found.name, found.state)
  if (found.absence?.fenced_by) return found
  const how = asked.confirm_off ? vouched : await cut(cloud, id, found.name)
  return await change(cloud, caller, async tx => {
    await note(tx, caller, id, how)
    const now = await host.find(tx, id)
    if (!now) throw notFound('host', id)
    return now
  })
}

function mustBeGone(name: string, state: Host['state']): void {
  if (state !== 'up') return
  throw new CloudError(
    'wrong_state',
    `The host ${name} answers, so it is not fenced. To empty it, put it into maintenance; to switch it off, do so when it is empty.`,
  )
}

interface FencedHow {
  fenced_by: FencingMethod
  power_was_off: boolean
}

const vouched: FencedHow = { fenced_by: 'person', power_was_off: false }

/** Before the transaction: it takes seconds. */
async function cut(cloud: Cloud, id: string, name: string): Promise<FencedHow> {
  const row = await hostBmc.find(cloud.database.db, id)
  if (!row)
    throw new CloudError(
      'wrong_state',
      `The host ${name} has no management controller set, so its power cannot be cut from here. See that it is off, and say so: croft host fence ${name} --confirm-off.`,
    )
  try {
    const isGone = async () => (await host.find(cloud.database.db, id))?.state !== 'up'
    const fenced = await cloud.fencing.off(openBmc(cloud, row), isGone)
    if (fenced === null) mustBeGone(name, 'up')
    return { fenced_by: row.kind, power_was_off: fenced?.was_off ?? false }
  } catch (error) {
    if (!(error instanceof FenceFailed)) throw error
    throw new CloudError('unavailable', `The power of ${name} could not be cut: ${error.message}`, {}, { cause: error })
  }
}

async function note(tx: Tx, caller: Caller, id: string, how: FencedHow): Promise<void> {
  const locked = await host.lock(tx, id)
  if (!locked) throw notFound('host', id)
  mustBeGone(locked.name, locked.session_controller_id === null ? 'unreachable' : 'up')
  // One that was silent before absences were noted has none.
  await absence.begin(tx, [{ host_id: id, cause: 'silent' }])
  await absence.note(tx, id, { ...how, fenced_user_id: caller.user_id })
  const { fenced_by, power_was_off } = how
  const words =
    fenced_by === 'person' ? `${caller.user_name} vouched that it is off` : fencedHow(fenced_by, power_was_off)
  await event.record(tx, [
    {
      ...{ noun: 'host', kind: 'changed', resource_id: id, project_id: null, ...by(caller) },
      detail: { availability: `fenced: ${words}` },
    },
  ])
  await event.notify(tx, channels.absence, id)
}
