/** Image keys: public keys whose signatures on images count. */
import KeyIcon from '@patternfly/react-icons/dist/esm/icons/certificate-icon'
import type { ImageKey } from '../../api/image-key.ts'
import { routes } from '../api/routes.ts'
import { defineNoun } from '../noun/definition.ts'
import { createdColumn, deleting, nameColumn } from '../noun/usual.tsx'
import { words } from './text.ts'

export const imageKey = defineNoun<ImageKey>({
  name: 'image-key',
  path: 'image-keys',
  area: 'storage',
  title: () => words('one'),
  titles: () => words('many'),
  icon: KeyIcon,
  list: routes['image-key'].list,
  default_sort: 'name',
  of_the_cloud: true,
  get: { route: routes['image-key'].get, param: 'image_key' },
  columns: [
    nameColumn(() => words('name'), 'minmax(10rem, 1fr)'),
    { id: 'kind', title: () => words('kind'), cell: one => one.kind },
    {
      id: 'fingerprint',
      title: () => words('fingerprint'),
      cell: one => <span className="croft-mono">{one.fingerprint}</span>,
      width: 'minmax(10rem, 2fr)',
    },
    { id: 'description', title: () => words('description'), cell: one => one.description || '–' },
    createdColumn(() => words('created')),
  ],
  actions: [deleting(words, routes['image-key'].delete, 'image_key')],
  tabs: [{ id: 'overview', title: () => words('overview'), load: () => import('./overview.tsx') }],
  create: { route: routes['image-key'].create, title: () => words('create'), load: () => import('./create.tsx') },
  empty: () => words('empty'),
})
