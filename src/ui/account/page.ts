/** One's own account, for everyone. */
import AccountIcon from '@patternfly/react-icons/dist/esm/icons/user-circle-icon'
import { routes } from '../api/routes.ts'
import type { PageDefinition } from '../noun/definition.ts'
import { words } from './text.ts'

export const accountPage: PageDefinition = {
  path: 'account',
  area: 'access',
  title: () => words('title'),
  icon: AccountIcon,
  needs: routes.session.get,
  load: () => import('./account.tsx'),
}
