/**
 * Fencing by a person's word: a host that does not answer has its power cut now, or somebody vouches that it is off. What runs
 * elsewhere because of it is the reconciler's; whoever vouches for what is not so lets instances run twice.
 */
import type { Host, hostRoutes } from '../../api/host.ts'
import type { BodyOf } from '../../api/route.ts'
import { CloudError, notFound } from '../../model/errors.ts'
import { fencedHow, type FencingMethod, named, type Opinion, reaching, supersedes } from '../../model/host-state.ts'
import type { Cloud } from '../cloud.ts'
import { FenceFailed } from '../fencing/fence.ts'
import { absence } from '../store/absence.ts'
import { channels, type Tx } from '../store/database.ts'
import { event } from '../store/event.ts'
import { host } from '../store/host.ts'
import { hostBmc } from '../store/host-bmc.ts'
import { by, type Caller } from './caller.ts'
import { change } from './change.ts'
import { opinionsOf } from './host-opinions.ts'
import { cutPower } from './host-power.ts'

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
  const epoch = await host.epochOf(cloud.database.db, id)
  mustBeGone(found.name, found.state)
  if (!supersedes('person', found.absence?.fenced_by ?? null)) return found
  const alive = asked.confirm_off ? reaching(await askedNow(cloud, id)) : []
  if (alive.length > 0 && !asked.despite_opinions) throw lives(found.name, alive)
  const how = asked.confirm_off ? vouched : await cut(cloud, id, found.name)
  return await change(cloud, caller, async tx => {
    await note(tx, caller, { id, epoch }, how, alive)
    const now = await host.find(tx, id)
    if (!now) throw notFound('host', id)
    return now
  })
}

/** What others see of it right now: who vouches may be told better. */
async function askedNow(cloud: Cloud, id: string): Promise<Opinion[]> {
  const [one] = await absence.list(cloud.database.db, id)
  return one ? await opinionsOf(cloud, one) : []
}

function lives(name: string, alive: readonly Opinion[]): CloudError {
  return new CloudError(
    'wrong_state',
    `${named(alive)} can reach the machine of ${name} right now: it lives, and its guests may run, whatever became of its agent. If they are started elsewhere ` +
      `while they run there, each runs twice, and only locks below its disks stand between it and destroyed data. Switch the machine off first. ` +
      `If what answers there is surely not this host: croft host fence ${name} --confirm-off --despite-opinions.`,
    { opinions: alive },
  )
}

function mustBeGone(name: string, state: Host['state']): void {
  if (state !== 'up') return
  throw new CloudError(
    'wrong_state',
    `The host ${name} answers, so it is not fenced. To empty it, put it into maintenance; to switch it off, do so when it is empty.`,
  )
}

function wasBack(name: string): CloudError {
  return new CloudError(
    'wrong_state',
    `The host ${name} came back meanwhile and went again, so what was known of it says nothing any more. See that its power is off, and try again.`,
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
    const fenced = await cutPower(cloud, row, isGone)
    if (fenced === null) mustBeGone(name, 'up')
    return { fenced_by: row.kind, power_was_off: fenced?.was_off ?? false }
  } catch (error) {
    if (!(error instanceof FenceFailed)) throw error
    throw new CloudError('unavailable', `The power of ${name} could not be cut: ${error.message}`, {}, { cause: error })
  }
}

/** `epoch`: of its link that had ended when it was looked at. */
async function note(
  tx: Tx,
  caller: Caller,
  { id, epoch }: { id: string; epoch: number | null },
  how: FencedHow,
  alive: readonly Opinion[],
): Promise<void> {
  const locked = await host.lock(tx, id)
  if (!locked) throw notFound('host', id)
  mustBeGone(locked.name, locked.session_controller_id === null ? 'unreachable' : 'up')
  if (locked.session_epoch !== epoch) throw wasBack(locked.name)
  // One that was silent before absences were noted has none.
  await absence.begin(tx, [{ host_id: id, cause: 'silent' }])
  const { fenced_by, power_was_off } = how
  if (!supersedes(fenced_by, (await absence.lock(tx, id))?.fenced_by ?? null)) return
  await absence.note(tx, id, { ...how, fenced_user_id: caller.user_id })
  const despite = alive.length > 0 ? `, although ${named(alive)} could reach the machine` : ''
  const words =
    fenced_by === 'person'
      ? `${caller.user_name} vouched that it is off${despite}`
      : fencedHow(fenced_by, power_was_off)
  await event.record(tx, [
    {
      ...{ noun: 'host', kind: 'changed', resource_id: id, project_id: null, ...by(caller) },
      detail: { availability: `fenced: ${words}` },
    },
  ])
  await event.notify(tx, channels.absence, id)
}
