/** What was restarted elsewhere because its host was lost. Restarting itself: app/ha-recover.ts. */
import type { HaRestart, haRestartRoutes } from '../../api/ha-restart.ts'
import type { QueryOf } from '../../api/route.ts'
import { notFound } from '../../model/errors.ts'
import type { Cloud } from '../cloud.ts'
import { haRestart } from '../store/ha-restart.ts'
import type { Page } from '../store/page.ts'
import { type Caller, mayOnSystem, projectOf, visibleProject } from './caller.ts'
import { maySeeHosts } from './placement-told.ts'

export async function listHaRestarts(
  cloud: Cloud,
  caller: Caller,
  query: QueryOf<typeof haRestartRoutes.list>,
): Promise<Page<HaRestart>> {
  const project_id = visibleProject(caller, 'instance.read', query.all_projects)
  const { items, next } = await haRestart.list(cloud.database.db, { ...query, project_id })
  return { items: items.map(one => asTold(caller, one)), next }
}

export async function getHaRestart(cloud: Cloud, caller: Caller, id: string): Promise<HaRestart> {
  const project_id = mayOnSystem(caller, 'instance.read') ? null : projectOf(caller)
  const found = await haRestart.find(cloud.database.db, id, project_id)
  if (!found) throw notFound('ha-restart', id)
  return asTold(caller, found)
}

/** Without hosts for who may not see them; the reason names one. */
function asTold(caller: Caller, one: HaRestart): HaRestart {
  if (maySeeHosts(caller)) return one
  const hidden = { from_host_id: null, from_host: null, to_host_id: null, to_host: null }
  return { ...one, ...hidden, reason: 'The host that it ran on was lost.', failure: null }
}
