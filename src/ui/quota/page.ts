/** The quota of the project one works in, for everyone who may see it. */
import QuotaIcon from '@patternfly/react-icons/dist/esm/icons/tachometer-alt-icon'
import { routes } from '../api/routes.ts'
import type { PageDefinition } from '../noun/definition.ts'
import { words } from './text.ts'

export const quotaPage: PageDefinition = {
  path: 'quota',
  area: 'operate',
  title: () => words('one'),
  icon: QuotaIcon,
  needs: routes.quota.get,
  load: () => import('./own.tsx'),
}
