/** What users do with instances: each is a short transaction that writes what is wanted. Hosts do the rest. */
import type { Instance, instanceRoutes, OneInstance } from '../../api/instance.ts'
import type { InstancePlacement } from '../../api/placement.ts'
import type { BodyOf, QueryOf, ReplyOf } from '../../api/route.ts'
import { CloudError, notFound } from '../../model/errors.ts'
import { checkKeys } from '../../model/tag-keys.ts'
import { instancePermissions } from '../../model/permissions.ts'
import type { Cloud } from '../cloud.ts'
import type { Tx } from '../store/database.ts'
import { event } from '../store/event.ts'
import { heldBack } from '../store/held.ts'
import { instance, type LockedInstance } from '../store/instance.ts'
import type { Page } from '../store/page.ts'
import { placement } from '../store/placement.ts'
import { pool } from '../store/pool.ts'
import { by, type Caller, checkVersion, givenInstances, mayInProject, mayOnSystem, visibleProject } from './caller.ts'
import { change } from './change.ts'
import { hardwareGiven } from './host-hardware.ts'
import { mustKeepReserve, reserveChange } from './ha-reserve-change.ts'
import { mustFindNamed } from './placement-around.ts'
import { asTold, maySeeHosts } from './placement-told.ts'

export function listInstances(
  cloud: Cloud,
  caller: Caller,
  query: QueryOf<typeof instanceRoutes.list>,
): Promise<Page<Instance>> {
  const project_id = visibleProject(caller, 'instance.read', query.all_projects)
  const ids = mayInProject(caller, 'instance.read') ? undefined : givenInstances(caller, 'instance.read')
  return instance.list(cloud.database.db, { ...query, project_id, ids })
}

export async function getInstance(cloud: Cloud, caller: Caller, id: string): Promise<Instance> {
  const found = await instance.find(cloud.database.db, id)
  if (!found || !maySee(caller, found)) throw notFound('instance', id)
  return found
}

/** With what of its host's hardware is its own: that is for who may see hosts, as all that is the host's. */
export async function showInstance(cloud: Cloud, caller: Caller, id: string): Promise<OneInstance> {
  const found = await getInstance(cloud, caller, id)
  const { host_id } = found
  if (host_id === null || !maySeeHosts(caller)) return { ...found, on_host: null }
  return { ...found, on_host: await hardwareGiven(cloud.database.db, id, host_id) }
}

/** Those of the ids that still are; for answers about instances that this caller has just made. */
export function instancesById(cloud: Cloud, ids: readonly string[]): Promise<Instance[]> {
  return instance.byIds(cloud.database.db, ids)
}

export async function explainInstance(cloud: Cloud, caller: Caller, id: string): Promise<InstancePlacement> {
  await getInstance(cloud, caller, id)
  const { db } = cloud.database
  const found = await placement.ofInstance(db, id)
  if (!found) throw notFound('placement of instance', id)
  const refused = await placement.refusedSince(db, id, found.id)
  const told = async (one: typeof found) => asTold(caller, await placement.withRemoved(db, one))
  return { ...(await told(found)), refused_since: refused && (await told(refused)) }
}

/** That the caller may do it at all was seen at the door (permit, in http/server.ts); here, whether with this one. */
function maySee(caller: Caller, found: { id: string; project_id: string }): boolean {
  if (found.project_id !== caller.project_id) return mayOnSystem(caller, 'instance.read')
  return instancePermissions.some(one => mayInProject(caller, one)) || caller.on_instances.has(found.id)
}

export function updateInstance(
  cloud: Cloud,
  caller: Caller,
  id: string,
  asked: BodyOf<typeof instanceRoutes.update>,
): Promise<ReplyOf<typeof instanceRoutes.update>> {
  return change(cloud, caller, async tx => {
    const row = await lockVisible(tx, caller, id)
    checkVersion(caller, row.version)
    checkKeys('tags', asked.tags, row.tags)
    if (asked.availability === 'high' && row.availability !== 'high') {
      await checkShared(tx, row)
      const change = reserveChange(row, { availability: 'high' })
      await mustKeepReserve(cloud, tx, change ? [change] : [])
    }
    await mustFindNamed(tx, row, asked)
    await instance.describe(tx, id, asked)
    await tellAll(tx, caller, row)
    return { ...(await shown(tx, id)), warning: fromNextStart(row, asked) }
  })
}

/** What a guest gets with its machine, and in which words: one that runs keeps what it was started with. */
const of_a_start = {
  watchdog_action: 'the watchdog',
  graphics: 'the graphics',
  clipboard: 'the clipboard',
  video_model: 'the video card',
} as const

function fromNextStart(row: LockedInstance, asked: BodyOf<typeof instanceRoutes.update>): string | null {
  if (['stopped', 'deleting', 'deleted'].includes(row.state)) return null
  const fields = Object.keys(of_a_start) as (keyof typeof of_a_start)[]
  const changed = fields.filter(one => asked[one] !== undefined && asked[one] !== row[one])
  if (changed.length === 0) return null
  const what = changed.map(one => of_a_start[one]).join(', ')
  return `${row.name} is ${row.state}: what was changed of ${what} counts from its next start. That is croft instance reboot ${row.name}, or stopping and starting it; a reboot from within the guest is none.`
}

/** Elsewhere it could not be started: its disks would not be there. */
async function checkShared(tx: Tx, row: LockedInstance): Promise<void> {
  const found = await pool.ofHost(tx, row.host_id)
  if (found?.shared) return
  throw new CloudError(
    'invalid',
    `The disks of ${row.name} are in a pool that only the host ${row.host} has, so it could not be started on another when that is lost. Move it to a host with a shared pool first (croft pool list --shared).`,
  )
}

async function tellAll(tx: Tx, caller: Caller, row: LockedInstance): Promise<void> {
  const what = { noun: 'instance', kind: 'changed', resource_id: row.id, project_id: row.project_id }
  await event.record(tx, [{ ...what, ...by(caller) }], [row.host_id])
}

async function shown(tx: Tx, id: string): Promise<Instance> {
  const found = await instance.find(tx, id)
  if (!found) throw notFound('instance', id)
  return found
}

async function lockVisible(tx: Tx, caller: Caller, id: string): Promise<LockedInstance> {
  return mustSee(caller, await instance.lock(tx, id), id)
}

/** Another project's instance is not there, for who may not see it; one whose host knows more of it is not to be changed. */
export function mustSee(caller: Caller, row: LockedInstance | null | undefined, id: string): LockedInstance {
  if (!row || !maySee(caller, row)) throw notFound('instance', id)
  if (row.held_generation !== null) throw heldBack(row.name)
  return row
}
