/** Events are a page: what happened is no thing that could be changed. */
import EventIcon from '@patternfly/react-icons/dist/esm/icons/stream-icon'
import { routes } from '../api/routes.ts'
import type { PageDefinition } from '../noun/definition.ts'
import { words } from './text.ts'

export const eventPage: PageDefinition = {
  path: 'events',
  area: 'operate',
  title: () => words('title'),
  icon: EventIcon,
  needs: routes.event.list,
  load: () => import('./events.tsx'),
}
