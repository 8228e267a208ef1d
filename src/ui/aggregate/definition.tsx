/** Aggregates: hosts that have something in common. */
import AggregateIcon from '@patternfly/react-icons/dist/esm/icons/layer-group-icon'
import type { Aggregate } from '../../api/aggregate.ts'
import { routes } from '../api/routes.ts'
import { defineNoun } from '../noun/definition.ts'
import { createdColumn, deleting, nameColumn } from '../noun/usual.tsx'
import { TagList } from '../parts/tags.tsx'
import { number } from '../parts/time.tsx'
import { words } from './text.ts'

export const aggregate = defineNoun<Aggregate>({
  name: 'aggregate',
  path: 'aggregates',
  area: 'operate',
  title: () => words('one'),
  titles: () => words('many'),
  icon: AggregateIcon,
  list: routes.aggregate.list,
  default_sort: 'name',
  get: { route: routes.aggregate.get, param: 'aggregate' },
  columns: [
    nameColumn(() => words('name')),
    { id: 'hosts', title: () => words('hosts'), cell: one => number(one.hosts), numeric: true },
    { id: 'metadata', title: () => words('metadata'), cell: one => <TagList tags={one.metadata} /> },
    {
      id: 'projects',
      title: () => words('projects'),
      cell: one => (one.restricted ? number(one.project_ids.length) : words('projects.all')),
    },
    createdColumn(() => words('created')),
  ],
  actions: [
    {
      id: 'add',
      title: () => words('add'),
      route: routes.aggregate.addHosts,
      input: one => ({ params: { aggregate: one.id } }),
      primary: true,
      dialog: () => import('./add-hosts.tsx'),
    },
    {
      id: 'edit',
      title: () => words('edit'),
      route: routes.aggregate.update,
      input: one => ({ params: { aggregate: one.id } }),
      primary: true,
      dialog: () => import('./edit.tsx'),
    },
    deleting(words, routes.aggregate.delete, 'aggregate'),
  ],
  tabs: [{ id: 'overview', title: () => words('overview'), load: () => import('./overview.tsx') }],
  create: { route: routes.aggregate.create, title: () => words('create'), load: () => import('./create.tsx') },
  empty: () => words('empty'),
})
