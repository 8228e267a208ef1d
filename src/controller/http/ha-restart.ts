import { haRestartRoutes } from '../../api/ha-restart.ts'
import { getHaRestart, listHaRestarts } from '../app/ha-restart.ts'
import { answer, handle } from './handle.ts'

export const haRestartHandlers = [
  handle(haRestartRoutes.list, async ({ cloud, caller, query }) => answer(await listHaRestarts(cloud, caller, query))),
  handle(haRestartRoutes.get, async ({ cloud, caller, params }) =>
    answer(await getHaRestart(cloud, caller, params.ha_restart)),
  ),
]
