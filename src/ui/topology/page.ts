/** The topology's place in the navigation. */
import TopologyIcon from '@patternfly/react-icons/dist/esm/icons/topology-icon'
import { routes } from '../api/routes.ts'
import type { PageDefinition } from '../noun/definition.ts'
import { words } from './text.ts'

export const topology: PageDefinition = {
  path: 'topology',
  area: 'network',
  title: () => words('title'),
  icon: TopologyIcon,
  needs: routes.network.list,
  load: () => import('./topology.tsx'),
}
