/** The settings' place in the navigation. */
import SettingsIcon from '@patternfly/react-icons/dist/esm/icons/cogs-icon'
import { routes } from '../api/routes.ts'
import type { PageDefinition } from '../noun/definition.ts'
import { words } from './text.ts'

export const settings: PageDefinition = {
  path: 'settings',
  area: 'operate',
  title: () => words('title'),
  icon: SettingsIcon,
  needs: routes.setting.list,
  load: () => import('./settings.tsx'),
}
