/** What was restarted elsewhere because its host was lost. Restarting itself: app/ha-recover.ts. */
import type { HaRestart, haRestartRoutes } from '../../api/ha-restart.ts'
import type { QueryOf } from '../../api/route.ts'
import type { Cloud } from '../cloud.ts'
import { haRestart } from '../store/ha-restart.ts'
import type { Page } from '../store/page.ts'
import { type Caller, visibleProject } from './caller.ts'
import { maySeeHosts } from './placement-told.ts'

export async function listHaRestarts(
  cloud: Cloud,
  caller: Caller,
  query: QueryOf<typeof haRestartRoutes.list>,
): Promise<Page<HaRestart>> {
  const project_id = visibleProject(caller, 'instance.read', query.all_projects)
  const { items, next } = await haRestart.list(cloud.database.db, { ...query, project_id })
  if (maySeeHosts(caller)) return { items, next }
  const hidden = { from_host_id: null, from_host: null, to_host_id: null, to_host: null }
  // The reason names the host.
  const reason = 'The host that it ran on was lost.'
  return { items: items.map(one => ({ ...one, ...hidden, reason, failure: null })), next }
}
