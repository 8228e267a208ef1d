/** Instance groups: instances that are placed together or apart. */
import GroupIcon from '@patternfly/react-icons/dist/esm/icons/object-group-icon'
import type { InstanceGroup } from '../../api/instance-group.ts'
import { routes } from '../api/routes.ts'
import { defineNoun } from '../noun/definition.ts'
import { createdColumn, deleting, nameColumn } from '../noun/usual.tsx'
import { words } from './text.ts'

export const instanceGroup = defineNoun<InstanceGroup>({
  name: 'instance-group',
  path: 'instance-groups',
  area: 'compute',
  title: () => words('one'),
  titles: () => words('many'),
  icon: GroupIcon,
  list: routes['instance-group'].list,
  default_sort: 'name',
  get: { route: routes['instance-group'].get, param: 'instance_group' },
  columns: [
    nameColumn(() => words('name')),
    { id: 'policy', title: () => words('policy'), cell: one => words(`policy.${one.policy}`) },
    { id: 'instances', title: () => words('instances'), cell: one => one.instances, numeric: true },
    { id: 'description', title: () => words('description'), cell: one => one.description || '–' },
    createdColumn(() => words('created')),
  ],
  actions: [
    {
      id: 'edit',
      title: () => words('edit'),
      route: routes['instance-group'].update,
      input: one => ({ params: { instance_group: one.id }, body: { name: one.name, description: one.description } }),
      dialog: () => import('./edit.tsx'),
      single: true,
    },
    deleting<InstanceGroup>(words, routes['instance-group'].delete, 'instance_group', one =>
      one.instances === 0 ? undefined : words('delete.used', { n: one.instances }),
    ),
  ],
  tabs: [{ id: 'overview', title: () => words('overview'), load: () => import('./overview.tsx') }],
  create: { route: routes['instance-group'].create, title: () => words('create'), load: () => import('./create.tsx') },
  empty: () => words('empty'),
})
