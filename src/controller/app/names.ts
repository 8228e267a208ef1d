/** What things are called that a list tells by their ids alone: for who may see them in their own noun's list, too. */
import { contract } from '../../api/index.ts'
import type { Route } from '../../api/route.ts'
import { isUuid } from '../../model/ids.ts'
import type { Db } from '../store/database.ts'
import { isNamed, type Named, type NamedRow, names } from '../store/names.ts'
import { project } from '../store/project.ts'
import { type Caller, mayInDomain, mayInProject, mayOnInstance, mayOnSystem } from './caller.ts'

export interface Told {
  noun: string
  id: string | null
}

/** By id; in one query for all, and one more where there are projects that the caller may hold a role in. */
export async function namesFor(db: Db, caller: Caller, things: Iterable<Told>): Promise<Map<string, string>> {
  const wanted = new Map<Named, Set<string>>()
  for (const { noun, id } of things) {
    if (id === null || !isUuid(id) || !isNamed(noun)) continue
    const ids = wanted.get(noun) ?? new Set()
    wanted.set(noun, ids.add(id))
  }
  const { known = [], others = [] } = Object.groupBy(await names.of(db, wanted), row =>
    mayKnow(caller, row) ? 'known' : 'others',
  )
  const projects = others.filter(row => row.noun === 'project')
  const held = new Set(
    await project.withGrant(
      db,
      caller.user_id,
      projects.map(row => row.id),
    ),
  )
  return new Map([...known, ...projects.filter(row => held.has(row.id))].map(({ id, name }) => [id, name]))
}

/** As the noun's own list has it; but for projects that the caller holds a role in, of which nobody knows without asking. */
function mayKnow(caller: Caller, { noun, id, owner_id }: NamedRow): boolean {
  switch (noun) {
    case 'region':
    case 'role':
    case 'zone':
      return true
    case 'api-key':
    case 'key-pair':
      return owner_id === caller.user_id
    case 'domain':
      return id === caller.user_domain_id || mayInDomain(caller, 'domain.read', id)
    case 'project':
      return id === caller.project_id || (owner_id !== null && mayInDomain(caller, 'project.read', owner_id))
    case 'user':
      return id === caller.user_id || (owner_id !== null && mayInDomain(caller, 'user.read', owner_id))
    case 'instance':
      return mayOnInstance(caller, 'instance.read', { id, project_id: owner_id })
    default: {
      const { level, needs }: Route = contract[noun].list
      if (needs === null) return false
      if (mayOnSystem(caller, needs)) return true
      // What is of no project, as flavors are, is there for every project.
      return level === 'project' && mayInProject(caller, needs) && (owner_id ?? caller.project_id) === caller.project_id
    }
  }
}
