/** What things are called that a list tells by their ids alone: for who may see them in their own noun's list, too. */
import { contract } from '../../api/index.ts'
import type { Route } from '../../api/route.ts'
import { isUuid } from '../../model/ids.ts'
import type { Db } from '../store/database.ts'
import { isNamed, type Named, names } from '../store/names.ts'
import { type Caller, mayInProject, mayOnInstance, mayOnSystem } from './caller.ts'

export interface Told {
  noun: string
  id: string | null
  /** That it belongs to; null: to none, or nobody knows. */
  project_id: string | null
}

/** By id; in one query for all. */
export function namesFor(db: Db, caller: Caller, things: Iterable<Told>): Promise<Map<string, string>> {
  const wanted = new Map<Named, Set<string>>()
  for (const { noun, id, project_id } of things) {
    if (id === null || !isUuid(id) || !isNamed(noun) || !mayKnow(caller, noun, id, project_id)) continue
    const ids = wanted.get(noun) ?? new Set()
    wanted.set(noun, ids.add(id))
  }
  return names.of(db, wanted)
}

function mayKnow(caller: Caller, noun: Named, id: string, project_id: string | null): boolean {
  if (noun === 'user' && id === caller.user_id) return true
  const { level, needs }: Route = contract[noun].list
  if (needs === null) return false
  if (noun === 'instance') return mayOnInstance(caller, needs, { id, project_id })
  if (mayOnSystem(caller, needs)) return true
  return level === 'project' && project_id !== null && project_id === caller.project_id && mayInProject(caller, needs)
}
