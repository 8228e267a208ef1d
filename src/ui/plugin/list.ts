/** Which tabs and pages plug-ins add. Small: it is in the first load; what shows them (frame.tsx) is loaded with the first of them. */
import PluginIcon from '@patternfly/react-icons/dist/esm/icons/plug-icon'
import type { Plugin } from '../../api/plugin.ts'
import { useRead } from '../api/read.ts'
import { routes } from '../api/routes.ts'
import type { Area, Item, Tab } from '../noun/definition.ts'
import { may, personaOf, useSession } from '../session/session.ts'
import { language } from '../text/language.ts'

/** Those that are not refused. */
export function usePlugins(): { plugins: readonly Plugin[]; pending: boolean } {
  const { data, isPending } = useRead(routes.plugin.list, {}, { follows: ['plugin'] })
  return { plugins: (data?.items ?? []).filter(one => one.state === 'ready'), pending: isPending }
}

export function textOf(texts: Readonly<Record<string, string>>): string {
  return texts[language()] ?? texts.en ?? ''
}

type Load = Tab<Item>['load']
const loads = new Map<string, Load>()

/** The same function for the same content, so that a tab is not drawn anew for nothing. */
function loadOf(plugin: Plugin, noun: string, id: string): Load {
  const key = `${plugin.address} ${noun} ${id}`
  const load =
    loads.get(key) ?? (() => import('./plugin-tab.tsx').then(({ tabOf }) => ({ default: tabOf(plugin, noun, id) })))
  loads.set(key, load)
  return load
}

export function usePluginTabs(noun: string): readonly Tab<Item>[] {
  return usePlugins().plugins.flatMap(plugin =>
    plugin.tabs
      .filter(tab => tab.noun === noun)
      .map(({ id, title, needs }) => ({
        id: pluginPath(plugin.id, id),
        title: () => textOf(title),
        load: loadOf(plugin, noun, id),
        ...(needs && { needs: { level: 'project' as const, needs } }),
      })),
  )
}

/** A noun's path, or a page's, has no dot. */
export const pluginPath = (plugin: string, id: string) => `${plugin}.${id}`
export const isPluginPath = (path: string) => path.includes('.')

export function usePluginPlaces(): { path: string; title: string; icon: typeof PluginIcon; area: Area }[] {
  const session = useSession()
  const portal = personaOf(session) === 'portal'
  return usePlugins().plugins.flatMap(plugin =>
    plugin.pages
      .filter(
        ({ needs = null, portal: for_all = false }) =>
          may(session, { level: 'project', needs }) && (for_all || !portal),
      )
      .map(({ id, title, area }) => ({
        path: pluginPath(plugin.id, id),
        title: textOf(title),
        icon: PluginIcon,
        area,
      })),
  )
}
