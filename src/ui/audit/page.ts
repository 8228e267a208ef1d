/** The audit log is a page: its rows are no things. */
import AuditIcon from '@patternfly/react-icons/dist/esm/icons/clipboard-check-icon'
import { routes } from '../api/routes.ts'
import type { PageDefinition } from '../noun/definition.ts'
import { words } from './text.ts'

export const auditPage: PageDefinition = {
  path: 'audit',
  area: 'operate',
  title: () => words('title'),
  icon: AuditIcon,
  needs: routes.audit.list,
  load: () => import('./audit.tsx'),
}
