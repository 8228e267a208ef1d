/**
 * Starting, stopping, rebooting, deleting and recovering instances: each writes what is wanted, and hosts do the rest.
 * Requests of one caller for the same act that come at the same moment share a transaction, each with its own operation,
 * audit row and answer (docs/design/0006-done-together.md).
 */
import type { Instance, instanceRoutes } from '../../api/instance.ts'
import type { Operation } from '../../api/operation.ts'
import type { QueryOf } from '../../api/route.ts'
import { TogetherByKey } from '../../lib/together.ts'
import { CloudError } from '../../model/errors.ts'
import type { OperationId } from '../../model/ids.ts'
import { type InstanceMove, instanceMoves, mayMove, whyNotWhileMoving } from '../../model/instance.ts'
import { type Cloud, makeId } from '../cloud.ts'
import type { Tx } from '../store/database.ts'
import { event } from '../store/event.ts'
import { heldBack } from '../store/held.ts'
import { instance, type LockedInstance, type Wish } from '../store/instance.ts'
import { maintenance } from '../store/maintenance.ts'
import { operation } from '../store/operation.ts'
import { projectQuota } from '../store/project-quota.ts'
import { volume } from '../store/volume.ts'
import { by, type Caller, checkVersion } from './caller.ts'
import { changeTogether, mayRedo } from './change.ts'
import { mustKeepReserve, reserveChange } from './ha-reserve-change.ts'
import { mustSee } from './instance.ts'
import { checkGroups } from './placement-around.ts'
import { claimAgainHere } from './placement-hardware.ts'
import { vcpusText } from '../../model/words.ts'

export interface Acted {
  instance: Instance
  operation: Operation
}

interface Asked {
  caller: Caller
  id: string
}

/** One kind of act, with what it was asked with. */
interface Act {
  move: Extract<InstanceMove, 'start' | 'stop' | 'reboot' | 'delete' | 'recover'>
  /** What else it was asked with: only what is the same is done together. */
  with?: unknown
  /** Throws what forbids it. False when what is asked for is wanted already: then nothing is written. */
  check(row: LockedInstance): boolean
  /** What goes with the wish, in the same transaction. `callers`: who asks for each of the rows. */
  settle?(tx: Tx, rows: readonly LockedInstance[], callers: ReadonlyMap<string, Caller>): Promise<void>
  wish(row: LockedInstance): Wish
}

export function startInstance(cloud: Cloud, caller: Caller, id: string): Promise<Acted> {
  const check = (row: LockedInstance) => isNews(row, 'start')
  const wish: Wish = { wanted_power: 'running' }
  const settle = (tx: Tx, rows: readonly LockedInstance[]) => keepReserve(cloud, tx, rows, wish)
  return act(cloud, { caller, id }, { move: 'start', check, settle, wish: () => wish })
}

export function stopInstance(cloud: Cloud, caller: Caller, id: string): Promise<Acted> {
  const check = (row: LockedInstance) => isNews(row, 'stop')
  return act(cloud, { caller, id }, { move: 'stop', check, wish: () => ({ wanted_power: 'stopped' }) })
}

export function rebootInstance(cloud: Cloud, caller: Caller, id: string, hard: boolean): Promise<Acted> {
  const check = (row: LockedInstance) => checkMove(row, 'reboot')
  const wish = (): Wish => ({ wanted_power: 'running', reboot: hard ? 'hard' : 'soft' })
  return act(cloud, { caller, id }, { move: 'reboot', with: hard, check, wish })
}

/**
 * Deletes: the instance is stopped and gives up its vCPUs, memory and their quota; disks and addresses are kept until the
 * time for recovery is over. With `purge`, or a recovery time of zero, all goes at once. Volumes to be kept then stay.
 */
export function deleteInstance(
  cloud: Cloud,
  caller: Caller,
  id: string,
  query: QueryOf<typeof instanceRoutes.delete>,
): Promise<Acted> {
  const { purge = false, keep_root } = query
  const minutesOf = ({ project_id }: LockedInstance) =>
    purge ? 0 : cloud.settings.at('instance.recovery_minutes', { project_id })
  const now_ms = cloud.clock.now_ms()
  return act(
    cloud,
    { caller, id },
    {
      move: 'delete',
      with: query,
      check: row => (row.deleted_at !== null && purge && !row.purging) || checkMove(row, 'delete'),
      settle: async (tx, rows, callers) => {
        if (keep_root !== undefined) await keepRoots(tx, callers, rows, keep_root)
        const given = rows.filter(row => row.deleted_at === null)
        await projectQuota.releaseAll(
          tx,
          given.map(row => ({ project_id: row.project_id, amounts: computeOf(row) })),
        )
      },
      wish: row => ({
        wanted_power: 'stopped',
        deleted_at: row.deleted_at ?? new Date(now_ms),
        purge_at: new Date(now_ms + minutesOf(row) * 60_000),
        purging: minutesOf(row) === 0,
      }),
    },
  )
}

export function recoverInstance(cloud: Cloud, caller: Caller, id: string): Promise<Acted> {
  const wish: Wish = { deleted_at: null, purge_at: null, compute_claimed: true }
  return act(
    cloud,
    { caller, id },
    {
      move: 'recover',
      check: row => {
        checkMove(row, 'recover')
        if (!row.purging) return true
        throw new CloudError(
          'wrong_state',
          `The instance ${row.name} is being purged, so it cannot be recovered any more.`,
        )
      },
      settle: async (tx, rows) => {
        await checkGroups(tx, rows)
        await keepReserve(cloud, tx, rows, wish)
        await projectQuota.chargeAll(
          tx,
          rows.map(row => ({ project_id: row.project_id, amounts: computeOf(row) })),
        )
        await claimAgain(
          tx,
          rows.filter(row => !row.compute_claimed),
        )
      },
      wish: () => wish,
    },
  )
}

const lines = new WeakMap<Cloud, TogetherByKey<Asked & { act: Act }, Acted>>()

function act(cloud: Cloud, asked: Asked, one: Act): Promise<Acted> {
  const line = lines.get(cloud) ?? new TogetherByKey(all => actAll(cloud, all), { mayRedo })
  lines.set(cloud, line)
  const { user_id, project_id } = asked.caller
  return line.ask(JSON.stringify([user_id, project_id, one.move, one.with]), { ...asked, act: one })
}

/** Acts of one kind: all of them, or it throws and nothing has changed. */
function actAll(cloud: Cloud, asked: readonly (Asked & { act: Act })[]): Promise<Acted[]> {
  const callers = asked.map(one => one.caller)
  return changeTogether(cloud, callers, async tx => {
    const [{ caller, act: kind }] = asked as readonly [Asked & { act: Act }]
    const ids = asked.map(one => one.id)
    if (new Set(ids).size < ids.length) throw new Error('the same is asked for twice: one after the other')
    const locked = new Map((await instance.lockAll(tx, ids)).map(row => [row.id, row]))
    const rows = asked.map(one => {
      const row = mustSee(one.caller, locked.get(one.id), one.id)
      checkVersion(one.caller, row.version)
      mustStay(row)
      return row
    })
    const changing = rows.filter(row => kind.check(row))
    if (kind.move === 'start' || kind.move === 'recover') await mustNotBeMaintained(tx, changing)
    await kind.settle?.(tx, changing, new Map(asked.map(one => [one.id, one.caller])))
    const generations = new Map(rows.map(row => [row.id, row.generation]))
    for (const [id, generation] of await wantAll(tx, changing, kind)) generations.set(id, generation)
    const operations = rows.map((row, n) => ({
      id: makeId<OperationId>(cloud) as string,
      project_id: row.project_id,
      ...by(asked[n]?.caller ?? caller),
      kind: `instance.${kind.move}`,
      noun: 'instance',
      resource_id: row.id,
      targets: [{ resource_id: row.id, generation: generations.get(row.id) ?? row.generation }],
    }))
    await operation.start(
      tx,
      operations,
      operations.map(({ resource_id, project_id, user_id, request_id }) => ({
        noun: 'instance',
        kind: 'changed',
        resource_id,
        project_id,
        user_id,
        request_id,
      })),
      rows.map(row => row.host_id),
    )
    await operation.endReached(tx, ids)
    return await answers(
      tx,
      operations.map(one => [one.resource_id, one.id]),
    )
  })
}

async function wantAll(tx: Tx, rows: readonly LockedInstance[], kind: Act): Promise<Map<string, number>> {
  const generations = new Map<string, number>()
  for (const alike of Map.groupBy(rows, row => JSON.stringify(kind.wish(row))).values()) {
    const [first] = alike
    const ids = alike.map(row => row.id)
    for (const pair of first ? await instance.want(tx, ids, kind.wish(first)) : []) generations.set(...pair)
  }
  return generations
}

async function answers(tx: Tx, pairs: readonly (readonly [instance_id: string, operation_id: string])[]) {
  const instance_ids = pairs.map(([id]) => id)
  const instances = new Map((await instance.byIds(tx, instance_ids)).map(one => [one.id, one]))
  const operation_ids = pairs.map(([, id]) => id)
  const operations = new Map((await operation.byIds(tx, operation_ids)).map(one => [one.id, one]))
  return pairs.map(([instance_id, operation_id]): Acted => {
    const [found, started] = [instances.get(instance_id), operations.get(operation_id)]
    if (!found || !started) throw new Error('what was just changed is not there')
    return { instance: found, operation: started }
  })
}

/** While it moves, two hosts have it by what was wanted as it began. */
export function mustStay({ name, migration_id }: LockedInstance): void {
  if (migration_id === null) return
  throw new CloudError(
    'wrong_state',
    `Nothing can be done with ${name} now: ${whyNotWhileMoving}: croft migration cancel ${migration_id}.`,
    { migration_id },
  )
}

async function keepReserve(cloud: Cloud, tx: Tx, rows: readonly LockedInstance[], wish: Wish): Promise<void> {
  const changes = rows.flatMap(row => reserveChange(row, wish) ?? [])
  await mustKeepReserve(cloud, tx, changes)
}

/** A host in maintenance is being emptied, or is to stay empty. */
async function mustNotBeMaintained(tx: Tx, rows: readonly LockedInstance[]): Promise<void> {
  const maintained = await maintenance.among(
    tx,
    rows.map(row => row.host_id),
  )
  const row = rows.find(one => maintained.has(one.host_id))
  if (!row) return
  throw new CloudError(
    'wrong_state',
    `The host of ${row.name} is in maintenance, so nothing is started there. It is being moved to another host: try again when it is there.`,
    { state: row.state },
  )
}

/** Asking for what is wanted already is no error and changes nothing. */
function isNews(row: LockedInstance, move: 'start' | 'stop'): boolean {
  const { wants } = instanceMoves[move]
  if (row.deleted_at === null && row.wanted_power === wants && row.state !== 'error') return false
  return checkMove(row, move)
}

function checkMove(row: LockedInstance, move: InstanceMove): true {
  if (mayMove(move, row.state)) return true
  const { why_not, from } = instanceMoves[move]
  if (row.held_generation !== null) throw heldBack(row.name)
  const why = row.state === 'unknown' ? `: its host ${row.host} does not answer` : ''
  const help = why === '' ? '' : ` ${whenUnknown(row.host)}`
  throw new CloudError('wrong_state', `The instance ${row.name} is ${row.state}${why}; ${why_not}.${help}`, {
    state: row.state,
    from,
  })
}

const whenUnknown = (host: string) =>
  `Ask again when that host is back. If it will not be soon, an operator can make sure that it is off (croft host fence ${host}) and have what is on it run elsewhere (croft host evacuate ${host}).`

async function keepRoots(
  tx: Tx,
  callers: ReadonlyMap<string, Caller>,
  rows: readonly LockedInstance[],
  keep: boolean,
): Promise<void> {
  const changed: Parameters<typeof event.record>[1][number][] = []
  for (const row of rows) {
    const caller = callers.get(row.id)
    for (const { id, project_id } of await volume.keepRoot(tx, row.id, keep)) {
      changed.push({ noun: 'volume', kind: 'changed', resource_id: id, project_id, ...(caller && by(caller)) })
    }
  }
  await event.record(tx, changed)
}

/** Their disks are on their hosts, so each is there or nowhere. All at once: so hosts are locked in one order. */
async function claimAgain(tx: Tx, rows: readonly LockedInstance[]): Promise<void> {
  const [row] = rows
  const claims = rows.map(({ host_id, vcpus, memory_mib }) => ({ host_id, vcpus, memory_mib, disk_gib: 0 }))
  if (!row) return
  if (await claimAgainHere(tx, claims, rows)) return
  const { host_id, vcpus, memory_mib } = row
  throw new CloudError(
    'no_capacity',
    `The host ${row.host}, which has the disks of ${row.name}, has not ${vcpusText(vcpus)} and ${memory_mib} MiB free any more, or does not answer. Free some room there and try again.`,
    { host_id },
  )
}

function computeOf(row: LockedInstance) {
  return { instances: 1, vcpus: row.vcpus, memory_mib: row.memory_mib }
}
