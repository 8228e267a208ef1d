/** The place of the list of plug-ins in the navigation. */
import PluginIcon from '@patternfly/react-icons/dist/esm/icons/plug-icon'
import type { PageDefinition } from '../noun/definition.ts'
import { words } from './text.ts'

export const pluginsPage: PageDefinition = {
  path: 'plugins',
  area: 'operate',
  title: () => words('title'),
  icon: PluginIcon,
  needs: { level: 'system', needs: 'setting.read' },
  load: () => import('./plugins.tsx'),
}
