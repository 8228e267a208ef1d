import { settingRoutes } from '../../api/setting.ts'
import { getSetting, listSettings, resetSetting, setSetting } from '../app/setting.ts'
import { answer, handle } from './handle.ts'

export const settingHandlers = [
  handle(settingRoutes.list, async ({ cloud }) => answer(await listSettings(cloud))),
  handle(settingRoutes.get, async ({ cloud, params }) => answer(await getSetting(cloud, params.setting))),
  handle(settingRoutes.set, async ({ cloud, caller, params, body }) =>
    answer(await setSetting(cloud, caller, params.setting, body.value)),
  ),
  handle(settingRoutes.reset, async ({ cloud, caller, params }) =>
    answer(await resetSetting(cloud, caller, params.setting)),
  ),
]
