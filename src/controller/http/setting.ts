import { settingRoutes } from '../../api/setting.ts'
import { getSetting, listSettings, resetSetting, setSetting, settingHistory, settingValues } from '../app/setting.ts'
import { answer, handle } from './handle.ts'

export const settingHandlers = [
  handle(settingRoutes.list, async ({ cloud, caller, query }) => answer(await listSettings(cloud, caller, query))),
  handle(settingRoutes.get, async ({ cloud, caller, params, query }) =>
    answer(await getSetting(cloud, caller, params.setting, query)),
  ),
  handle(settingRoutes.values, async ({ cloud, caller, params, query }) =>
    answer(await settingValues(cloud, caller, params.setting, query)),
  ),
  handle(settingRoutes.history, async ({ cloud, caller, params, query }) =>
    answer(await settingHistory(cloud, caller, params.setting, query)),
  ),
  handle(settingRoutes.changes, async ({ cloud, caller, query }) =>
    answer(await settingHistory(cloud, caller, null, query)),
  ),
  handle(settingRoutes.set, async ({ cloud, caller, params, body }) =>
    answer(await setSetting(cloud, caller, params.setting, body)),
  ),
  handle(settingRoutes.reset, async ({ cloud, caller, params, query }) =>
    answer(await resetSetting(cloud, caller, params.setting, query)),
  ),
]
