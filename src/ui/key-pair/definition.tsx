/** Key pairs: one's own SSH public keys, which new instances let in. */
import KeyIcon from '@patternfly/react-icons/dist/esm/icons/key-icon'
import type { KeyPair } from '../../api/key-pair.ts'
import { routes } from '../api/routes.ts'
import { defineNoun } from '../noun/definition.ts'
import { createdColumn, deleting, nameColumn } from '../noun/usual.tsx'
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
    nameColumn(() => words('name'), 'minmax(10rem, 1fr)'),
    {
      id: 'fingerprint',
      title: () => words('fingerprint'),
      cell: one => <span className="croft-mono">{one.fingerprint}</span>,
      width: 'minmax(10rem, 2fr)',
    },
    createdColumn(() => words('created'), false),
  ],
  actions: [deleting(words, routes['key-pair'].delete, 'key_pair')],
  tabs: [{ id: 'overview', title: () => words('overview'), load: () => import('./overview.tsx') }],
  create: { route: routes['key-pair'].create, title: () => words('create'), load: () => import('./create.tsx') },
  empty: () => words('empty'),
})
