import { pluginRoutes } from '../../api/plugin.ts'
import { getPlugin, listPlugins, reloadPlugins } from '../app/plugin.ts'
import { answer, handle } from './handle.ts'

export const pluginHandlers = [
  handle(pluginRoutes.list, async ({ cloud, caller }) => answer(listPlugins(cloud, caller))),
  handle(pluginRoutes.get, async ({ cloud, caller, params }) => answer(getPlugin(cloud, caller, params.plugin))),
  handle(pluginRoutes.reload, async ({ cloud, caller }) => answer(await reloadPlugins(cloud, caller))),
]
