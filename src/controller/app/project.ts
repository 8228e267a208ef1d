/** Projects. Disabling one shuts people out and stops nothing that runs; one is deleted only when nothing is left in it. */
import type { Project, projectRoutes } from '../../api/project.ts'
import type { BodyOf, QueryOf } from '../../api/route.ts'
import { CloudError, notFound } from '../../model/errors.ts'
import type { ProjectId } from '../../model/ids.ts'
import { type Cloud, makeId } from '../cloud.ts'
import { onConstraint } from '../store/constraint.ts'
import { channels, type Tx } from '../store/database.ts'
import { event } from '../store/event.ts'
import type { Page } from '../store/page.ts'
import { project } from '../store/project.ts'
import { by, type Caller, checkVersion, mayInDomain } from './caller.ts'
import { change } from './change.ts'
import { changeIdentity } from './holders.ts'
import { domainsWith, mustManageIn } from './reach.ts'
import { ensureDefaultSecurityGroup } from './security-group.ts'

const needs = { see: 'project.read', manage: 'project.manage' } as const

export function listProjects(
  cloud: Cloud,
  caller: Caller,
  query: QueryOf<typeof projectRoutes.list>,
): Promise<Page<Project>> {
  const visible = { user_id: caller.user_id, domains: domainsWith(caller, 'project.read') }
  return project.list(cloud.database.db, visible, query)
}

export async function getProject(cloud: Cloud, caller: Caller, id: string): Promise<Project> {
  const { db } = cloud.database
  const found = await project.find(db, id)
  if (!found) throw notFound('project', id)
  const visible =
    id === caller.project_id ||
    mayInDomain(caller, 'project.read', found.domain_id) ||
    (await project.hasGrant(db, id, caller.user_id))
  if (!visible) throw notFound('project', id)
  return found
}

function nameTaken(name: string | undefined) {
  return {
    project_domain_id_name_key: () =>
      new CloudError('name_taken', `The domain has a project '${name}' already. Choose another name.`),
  }
}

export function createProject(
  cloud: Cloud,
  caller: Caller,
  asked: BodyOf<typeof projectRoutes.create>,
): Promise<Project> {
  const domain_id = asked.domain_id ?? caller.user_domain_id
  mustManageIn(caller, domain_id, needs, () => notFound('domain', domain_id))
  const id = makeId<ProjectId>(cloud)
  return change(cloud, caller, async tx => {
    const made = { id, domain_id, name: asked.name, description: asked.description ?? '' }
    const created = await onConstraint(project.insert(tx, made), {
      ...nameTaken(asked.name),
      project_domain_id_fkey: () => notFound('domain', domain_id),
    })
    await ensureDefaultSecurityGroup(tx, cloud, id)
    await event.record(tx, [{ noun: 'project', kind: 'created', resource_id: id, project_id: id, ...by(caller) }])
    await event.notify(tx, channels.network, '')
    return created
  })
}

/** Locks it. Throws not_found, forbidden, changed_meanwhile. */
async function mustManage(tx: Tx, caller: Caller, id: string): Promise<void> {
  const version = await project.lock(tx, id)
  const found = await project.find(tx, id)
  if (!found || version === null) throw notFound('project', id)
  mustManageIn(caller, found.domain_id, needs, () => notFound('project', id))
  checkVersion(caller, version)
}

export function updateProject(
  cloud: Cloud,
  caller: Caller,
  id: string,
  asked: BodyOf<typeof projectRoutes.update>,
): Promise<Project> {
  return changeIdentity(cloud, caller, async tx => {
    await mustManage(tx, caller, id)
    const updated = await onConstraint(project.update(tx, id, asked), nameTaken(asked.name))
    if (!updated) throw notFound('project', id)
    await event.record(tx, [{ noun: 'project', kind: 'changed', resource_id: id, project_id: id, ...by(caller) }])
    return updated
  })
}

export function deleteProject(cloud: Cloud, caller: Caller, id: string): Promise<null> {
  return changeIdentity(cloud, caller, async tx => {
    await mustManage(tx, caller, id)
    const left = await project.contents(tx, id)
    if (!left) throw notFound('project', id)
    if (left.length > 0) {
      const list = left.map(({ noun, count }) => `${count} × ${noun}`).join(', ')
      throw new CloudError(
        'in_use',
        `The project still holds: ${list}. Delete those first (deleted instances: purge them).`,
        {
          left,
        },
      )
    }
    await project.remove(tx, id)
    await event.record(tx, [{ noun: 'project', kind: 'deleted', resource_id: id, project_id: id, ...by(caller) }])
    await event.notify(tx, channels.network, '')
    return null
  })
}
