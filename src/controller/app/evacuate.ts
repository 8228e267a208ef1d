/**
 * Instances of a lost host are started on others because somebody asks for it, whether or not they are highly available: each in one transaction,
 * as lost-instance.ts does it, and followed until it runs like those. What is wanted off, or deleted, goes along, and stays so.
 */
import type { MigrationCreate } from '../../api/migration.ts'
import { isDatabaseAway } from '../../lib/database-away.ts'
import { CloudError, notFound } from '../../model/errors.ts'
import type { OperationId } from '../../model/ids.ts'
import { type Cloud, makeId } from '../cloud.ts'
import type { Tx } from '../store/database.ts'
import { evacuation } from '../store/evacuation.ts'
import { heldBack } from '../store/held.ts'
import { host } from '../store/host.ts'
import { instance } from '../store/instance.ts'
import { migration } from '../store/migration.ts'
import { operation } from '../store/operation.ts'
import { by, type Caller, checkVersion } from './caller.ts'
import { change } from './change.ts'
import { changeInSteps } from './change-in-steps.ts'
import { brokenOff, type Evacuated, somethingWrong } from './evacuation-told.ts'
import { followRestart } from './ha-recover.ts'
import { needsReserve } from './ha-reserve-change.ts'
import { mustSee } from './instance.ts'
import { endMoves, leaveLost, lockLost, type LostHost, mayRun, whyLost } from './lost-instance.ts'
import type { Moved } from './migration.ts'
import { keepRefusal, NoCapacity } from './placement-told.ts'
import { surelyDone } from './surely.ts'

interface Asked {
  caller: Caller
  from: LostHost
  instance_id: string
  host_id?: string | undefined
  /** It alone is asked for, and so has to be one that the caller may see, as it was when they saw it. */
  by_name?: boolean
}

/** As `croft instance migrate` asks, of one whose host does not answer. */
export async function evacuateInstance(
  cloud: Cloud,
  caller: Caller,
  from: LostHost,
  instance_id: string,
  { kind, host_id }: MigrationCreate,
): Promise<Moved> {
  const asked = { caller, from, instance_id, host_id, by_name: true }
  return await refusing(
    cloud,
    asked,
    change(cloud, caller, async tx => {
      if (kind === 'live')
        throw new CloudError(
          'host_unreachable',
          `The host ${from.name} does not answer, so nothing moves from it while it runs.`,
          { host_id: from.id },
        )
      const begun = await evacuate(cloud, tx, asked)
      const [moved] = await migration.byIds(tx, [begun.migration_id])
      const [shown] = await instance.byIds(tx, [instance_id])
      const [started] = await operation.byIds(tx, [begun.operation_id])
      if (!moved || !shown || !started) throw new Error('what was just made is not there')
      return { migration: moved, instance: shown, operation: started }
    }),
  )
}

/** All that can be, the most important first, each by itself: what cannot go keeps no other one. */
export async function evacuateHost(cloud: Cloud, caller: Caller, id: string): Promise<Evacuated> {
  return await changeInSteps(
    cloud,
    caller,
    tx => mayEvacuate(tx, id),
    from => evacuateAll(cloud, caller, from),
  )
}

async function mayEvacuate(tx: Tx, id: string): Promise<LostHost> {
  const found = await host.find(tx, id)
  if (!found) throw notFound('host', id)
  const { name, state, absence: gone } = found
  if (state === 'up') {
    const why = `The host ${name} answers. To empty it, put it into maintenance: croft host maintenance start ${name}.`
    throw new CloudError('wrong_state', why)
  }
  if (!gone?.fenced_by) throw notFenced(name)
  return { id, name }
}

export function notFenced(name: string): CloudError {
  return new CloudError('wrong_state', mayRun(name))
}

/** Throws what has gone so far, and of which that is not known, when the database goes away. Its beginning is in the audit log before (change-in-steps.ts). */
export async function evacuateAll(cloud: Cloud, caller: Caller, from: LostHost): Promise<Evacuated> {
  const done: Evacuated = { evacuated: [], left: [], host_reason: null }
  const all = await evacuation.instancesOf(cloud.database.db, from.id)
  for (const [n, { id, name }] of all.entries()) {
    const one = { instance_id: id, instance: name }
    try {
      const asked = { caller, from, instance_id: id }
      const work = surelyDone(cloud, tx => evacuate(cloud, tx, asked))
      const { operation_id, to_host, to_host_id } = await refusing(cloud, asked, work)
      done.evacuated.push({ ...one, host_id: to_host_id, host: to_host, operation_id })
    } catch (error) {
      if (isDatabaseAway(error)) throw brokenOff(from.name, done, one, all.length - n - 1, error)
      const reason = whyLeft(cloud, caller, id, error)
      if (reason !== null) done.left.push({ ...one, reason: onceOfHost(done, error) ?? reason })
    }
  }
  return done
}

/** What is left to say of one where what is said of its host is said once. Null: all of it. */
function onceOfHost(done: Evacuated, error: unknown): string | null {
  if (!(error instanceof HostKeeps)) return null
  done.host_reason ??= error.of_host
  return done.host_reason === error.of_host ? error.alone : null
}

/** Null: it has gone meanwhile, as one that is highly available does by itself. */
function whyLeft(cloud: Cloud, caller: Caller, instance_id: string, error: unknown): string | null {
  if (error instanceof CloudError) return error.code === 'not_found' ? null : error.message
  const request_id = caller.request.id
  cloud.log.error({ err: error, instance_id, request_id }, 'an instance of a lost host could not be evacuated')
  return somethingWrong(caller)
}

/** Its host keeps it, as it does others: for those who are told of many at once, what is said of the host, and what of this one. */
class HostKeeps extends CloudError {
  readonly of_host: string
  readonly alone: string

  constructor(from: LostHost, instance: string, { why, alone }: { why: string; alone: string }) {
    super('host_unreachable', `${instance} is not started elsewhere. ${why}`, { host_id: from.id })
    this.of_host = why
    this.alone = alone
  }
}

/** It was being sent to a third host, which may have it: before it can go anywhere that one is to discard what came. */
class MayBeThere extends CloudError {}

/**
 * What was made ready for it on the way to another host may be all that keeps it from going there: that is given up, for when it is asked again. A
 * request that is refused for anything else changes nothing.
 */
async function refusing<T>(cloud: Cloud, { from, instance_id }: Asked, work: Promise<T>): Promise<T> {
  try {
    return await work
  } catch (error) {
    if (!(error instanceof NoCapacity || error instanceof MayBeThere)) throw error
    await keepRefusal(cloud, error)
    await surelyDone(cloud, async tx => {
      const found = await lockLost(tx, from, instance_id)
      if (found?.lost) await endMoves(tx, from, found.row)
    })
    throw error
  }
}

async function evacuate(cloud: Cloud, tx: Tx, { caller, from, instance_id, host_id, by_name }: Asked) {
  const found = await lockLost(tx, from, instance_id)
  if (!found) throw notFound('instance', instance_id)
  const { row } = found
  if (by_name) checkVersion(caller, mustSee(caller, row, instance_id).version)
  if (row.held_generation !== null) throw heldBack(row.name)
  if (!found.lost) {
    throw new HostKeeps(from, row.name, found)
  }
  if (host_id !== undefined && !(await host.exists(tx, host_id))) throw notFound('host', host_id)
  const runs = row.wanted_power === 'running' && row.deleted_at === null
  const operation_id = makeId<OperationId>(cloud)
  const uses_reserve = needsReserve(row)
  const gone = await leaveLost(cloud, tx, found, { cause: 'user', operation_id, caller, host_id, uses_reserve })
  if (!gone) {
    const why = `${row.name} was being sent to another host when ${from.name} was lost, and may run there. Ask again when that one has nothing of it: croft migration list --instance-id ${row.id} --open.`
    throw new MayBeThere('wrong_state', why)
  }
  const reason = `Evacuated to ${gone.to_host} by ${caller.user_name}: ${whyLost(found)}`
  const followed = runs ? await followRestart(cloud, tx, found, gone, reason) : []
  const { user_id, request_id } = by(caller)
  const targets = [{ resource_id: row.id, generation: gone.generation }]
  const made = { id: operation_id, project_id: null, user_id, request_id, kind: 'instance.migrate', noun: 'instance' }
  await operation.start(
    tx,
    [{ ...made, resource_id: row.id, targets }],
    [
      ...gone.events,
      ...followed,
      { noun: 'instance', kind: 'changed', resource_id: row.id, project_id: row.project_id, ...by(caller) },
    ],
    [gone.to_host_id],
  )
  return { ...gone, operation_id }
}
