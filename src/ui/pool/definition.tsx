/** Pools: the file systems that disks are in, and which hosts share them. Only to be looked at. */
import PoolIcon from '@patternfly/react-icons/dist/esm/icons/database-icon'
import type { Pool } from '../../api/pool.ts'
import { routes } from '../api/routes.ts'
import { Bar } from '../host/bar.tsx'
import { defineNoun } from '../noun/definition.ts'
import { createdColumn } from '../noun/usual.tsx'
import { number, size } from '../parts/time.tsx'
import { words } from './text.ts'

export const pool = defineNoun<Pool>({
  name: 'pool',
  path: 'pools',
  area: 'operate',
  title: () => words('one'),
  titles: () => words('many'),
  icon: PoolIcon,
  list: routes.pool.list,
  get: { route: routes.pool.get, param: 'pool' },
  label: one => one.hosts.map(host => host.name).join(', ') || one.id.slice(0, 8),
  not_searched: true,
  columns: [
    {
      id: 'hosts',
      title: () => words('hosts'),
      cell: one => one.hosts.map(host => host.name).join(', ') || '–',
      width: 'minmax(10rem, 2fr)',
    },
    { id: 'shared', title: () => words('shared'), cell: one => words(one.shared ? 'yes' : 'no') },
    { id: 'volumes', title: () => words('volumes'), cell: one => number(one.volumes), numeric: true },
    {
      id: 'claimed',
      title: () => words('claimed'),
      cell: one => <Bar used={one.claimed_gib} limit={one.total_gib} show={value => size(value, 'GiB')} />,
      width: 'minmax(11rem, 1.2fr)',
    },
    { id: 'id', title: () => words('id'), cell: one => <code>{one.id}</code>, hidden: true },
    createdColumn(() => words('created')),
  ],
  filters: [{ field: 'shared', title: () => words('shared'), kind: 'yes' }],
  tabs: [
    { id: 'overview', title: () => words('overview'), load: () => import('./overview.tsx') },
    { id: 'metrics', title: () => words('metrics'), load: () => import('./metrics.tsx') },
  ],
  empty: () => words('empty'),
})
