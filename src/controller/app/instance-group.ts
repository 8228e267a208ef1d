/** Instance groups: made and named here. What they mean for placement is the scheduler's; where members are, placement-around.ts's. */
import type { InstanceGroup, instanceGroupRoutes } from '../../api/instance-group.ts'
import type { BodyOf, QueryOf } from '../../api/route.ts'
import { CloudError, notFound } from '../../model/errors.ts'
import type { InstanceGroupId } from '../../model/ids.ts'
import { type Cloud, makeId } from '../cloud.ts'
import { onConstraint } from '../store/constraint.ts'
import type { Tx } from '../store/database.ts'
import { event } from '../store/event.ts'
import { instanceGroup } from '../store/instance-group.ts'
import type { Page } from '../store/page.ts'
import { projectQuota } from '../store/project-quota.ts'
import { by, type Caller, checkVersion, mayOnSystem, projectOf, visibleProject } from './caller.ts'
import { change } from './change.ts'

export function listInstanceGroups(
  cloud: Cloud,
  caller: Caller,
  query: QueryOf<typeof instanceGroupRoutes.list>,
): Promise<Page<InstanceGroup>> {
  const project_id = visibleProject(caller, 'instance.read', query.all_projects)
  return instanceGroup.list(cloud.database.db, { ...query, project_id })
}

export async function getInstanceGroup(cloud: Cloud, caller: Caller, id: string): Promise<InstanceGroup> {
  const found = await instanceGroup.find(cloud.database.db, id)
  if (found && (found.project_id === caller.project_id || mayOnSystem(caller, 'instance.read'))) return found
  throw notFound('instance group', id)
}

export function createInstanceGroup(
  cloud: Cloud,
  caller: Caller,
  { name, policy, description = '' }: BodyOf<typeof instanceGroupRoutes.create>,
): Promise<InstanceGroup> {
  return change(cloud, caller, async tx => {
    const project_id = projectOf(caller)
    const id = makeId<InstanceGroupId>(cloud)
    await projectQuota.charge(tx, project_id, { instance_groups: 1 })
    await onConstraint(instanceGroup.insert(tx, { id, project_id, name, policy, description }), nameTaken(name))
    return await done(tx, caller, 'created', id)
  })
}

export function updateInstanceGroup(
  cloud: Cloud,
  caller: Caller,
  id: string,
  asked: BodyOf<typeof instanceGroupRoutes.update>,
): Promise<InstanceGroup> {
  return change(cloud, caller, async tx => {
    const row = await lockOwn(tx, caller, id)
    await onConstraint(instanceGroup.update(tx, id, asked), nameTaken(asked.name ?? row.name))
    return await done(tx, caller, 'changed', id)
  })
}

export function deleteInstanceGroup(cloud: Cloud, caller: Caller, id: string): Promise<null> {
  return change(cloud, caller, async tx => {
    const { name, project_id, instances } = await lockOwn(tx, caller, id)
    if (instances > 0) {
      throw new CloudError(
        'in_use',
        `${instances} ${instances === 1 ? 'instance is' : 'instances are'} in the group '${name}'. Delete ${instances === 1 ? 'it' : 'them'} first.`,
        { instances },
      )
    }
    await instanceGroup.remove(tx, id)
    await projectQuota.release(tx, project_id, { instance_groups: 1 })
    await event.record(tx, [{ noun: 'instance-group', kind: 'deleted', resource_id: id, project_id, ...by(caller) }])
    return null
  })
}

function nameTaken(name: string) {
  return {
    instance_group_project_id_name_key: () =>
      new CloudError('name_taken', `The project has an instance group '${name}' already. Choose another name.`),
  }
}

async function lockOwn(tx: Tx, caller: Caller, id: string): Promise<InstanceGroup> {
  // Counted once nobody else can add to it.
  const found = (await instanceGroup.lock(tx, id)) ? await instanceGroup.find(tx, id) : null
  if (!found || found.project_id !== caller.project_id) throw notFound('instance group', id)
  checkVersion(caller, found.version)
  return found
}

async function done(tx: Tx, caller: Caller, kind: 'created' | 'changed', id: string): Promise<InstanceGroup> {
  const found = await instanceGroup.find(tx, id)
  if (!found) throw new Error(`the instance group ${id}, just written, is not there`)
  await event.record(tx, [
    { noun: 'instance-group', kind, resource_id: id, project_id: found.project_id, ...by(caller) },
  ])
  return found
}
