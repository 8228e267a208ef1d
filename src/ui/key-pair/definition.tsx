/** Key pairs: one's own SSH public keys, which new instances let in. */
import KeyIcon from '@patternfly/react-icons/dist/esm/icons/key-icon'
import type { KeyPair } from '../../api/key-pair.ts'
import { routes } from '../api/routes.ts'
import { defineNoun } from '../noun/definition.ts'
import { Time } from '../parts/time.tsx'
import { words } from './text.ts'

export const keyPair = defineNoun<KeyPair>({
  name: 'key-pair',
  path: 'key-pairs',
  area: 'compute',
  title: () => words('one'),
  titles: () => words('many'),
  icon: KeyIcon,
  list: routes['key-pair'].list,
  default_sort: 'name',
  get: { route: routes['key-pair'].get, param: 'key_pair' },
  columns: [
    { id: 'name', title: () => words('name'), cell: one => one.name, sort: 'name', width: 'minmax(10rem, 1fr)' },
    {
      id: 'fingerprint',
      title: () => words('fingerprint'),
      cell: one => <span className="croft-mono">{one.fingerprint}</span>,
      width: 'minmax(10rem, 2fr)',
    },
    { id: 'created', title: () => words('created'), cell: one => <Time at={one.created_at} /> },
  ],
  actions: [
    {
      id: 'delete',
      title: () => words('delete'),
      route: routes['key-pair'].delete,
      input: one => ({ params: { key_pair: one.id } }),
      confirm: {
        title: () => words('delete.title'),
        body: items => words('delete.body', { names: items.map(one => one.name).join(', ') }),
      },
      danger: true,
      leads_to: 'list',
    },
  ],
  tabs: [{ id: 'overview', title: () => words('overview'), load: () => import('./overview.tsx') }],
  create: { route: routes['key-pair'].create, title: () => words('create'), load: () => import('./create.tsx') },
  empty: () => words('empty'),
})
