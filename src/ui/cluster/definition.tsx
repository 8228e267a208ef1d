/** Clusters: hosts of one kind, and how far their CPUs and memory are promised. */
import ClusterIcon from '@patternfly/react-icons/dist/esm/icons/cluster-icon'
import type { Cluster } from '../../api/cluster.ts'
import { routes } from '../api/routes.ts'
import { defineNoun } from '../noun/definition.ts'
import { Bar } from '../host/bar.tsx'
import { createdColumn, deleting, nameColumn } from '../noun/usual.tsx'
import { NameOf } from '../parts/name-of.tsx'
import { number, size } from '../parts/time.tsx'
import { words as settingWords } from '../setting/text.ts'
import { words } from './text.ts'

export const cluster = defineNoun<Cluster>({
  name: 'cluster',
  path: 'clusters',
  area: 'operate',
  title: () => words('one'),
  titles: () => words('many'),
  icon: ClusterIcon,
  list: routes.cluster.list,
  default_sort: 'name',
  follows: ['host', 'instance'],
  get: { route: routes.cluster.get, param: 'cluster' },
  columns: [
    nameColumn(() => words('name')),
    { id: 'zone', title: () => words('zone'), cell: one => <NameOf noun="zone" id={one.zone_id} /> },
    { id: 'hosts', title: () => words('hosts'), cell: one => number(one.hosts), numeric: true },
    {
      id: 'vcpus',
      title: () => words('vcpus'),
      cell: one => <Bar used={one.vcpus_claimed} limit={one.vcpus_limit} show={number} />,
      width: 'minmax(9rem, 1.2fr)',
    },
    {
      id: 'ram',
      title: () => words('ram'),
      cell: one => (
        <Bar used={one.memory_claimed_mib} limit={one.memory_limit_mib} show={value => size(value, 'MiB')} />
      ),
      width: 'minmax(12rem, 1.4fr)',
    },
    {
      id: 'cpu',
      title: () => words('cpu'),
      cell: one => `${number(one.cpu_overcommit, 2)} ×`,
      numeric: true,
      width: 'minmax(9rem, 1fr)',
    },
    {
      id: 'memory',
      title: () => words('memory'),
      cell: one => `${number(one.memory_overcommit, 2)} ×`,
      numeric: true,
      width: 'minmax(10.5rem, 1fr)',
    },
    createdColumn(() => words('created')),
  ],
  filters: [{ field: 'zone_id', title: () => words('zone'), kind: 'noun', noun: 'zone' }],
  actions: [
    {
      id: 'edit',
      title: () => words('edit'),
      route: routes.cluster.update,
      input: one => ({ params: { cluster: one.id } }),
      primary: true,
      dialog: () => import('./edit.tsx'),
    },
    deleting(words, routes.cluster.delete, 'cluster'),
  ],
  tabs: [
    { id: 'overview', title: () => words('overview'), load: () => import('./overview.tsx') },
    {
      id: 'settings',
      title: () => settingWords('title'),
      load: () => import('../setting/tab.tsx').then(tabs => ({ default: tabs.ClusterSettings })),
      needs: { level: 'system', needs: 'setting.read' },
    },
  ],
  create: { route: routes.cluster.create, title: () => words('create'), load: () => import('./create.tsx') },
  empty: () => words('empty'),
})
