/** The place of the list of plug-ins in the navigation. */
import PluginIcon from '@patternfly/react-icons/dist/esm/icons/plug-icon'
import type { PageDefinition } from '../noun/definition.ts'

export const pluginsPage: PageDefinition = {
  path: 'plugins',
  area: 'operate',
  // The same in all languages so far; the other words (text.ts) are not for the first load.
  title: () => 'Plug-ins',
  icon: PluginIcon,
  needs: { level: 'system', needs: 'setting.read' },
  load: () => import('./plugins.tsx'),
}
