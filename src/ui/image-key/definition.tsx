/** Image keys: public keys whose signatures on images count. */
import KeyIcon from '@patternfly/react-icons/dist/esm/icons/certificate-icon'
import type { ImageKey } from '../../api/image-key.ts'
import { routes } from '../api/routes.ts'
import { defineNoun } from '../noun/definition.ts'
import { Time } from '../parts/time.tsx'
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
    { id: 'name', title: () => words('name'), cell: one => one.name, sort: 'name', width: 'minmax(10rem, 1fr)' },
    { id: 'kind', title: () => words('kind'), cell: one => one.kind },
    {
      id: 'fingerprint',
      title: () => words('fingerprint'),
      cell: one => <span className="croft-mono">{one.fingerprint}</span>,
      width: 'minmax(10rem, 2fr)',
    },
    { id: 'description', title: () => words('description'), cell: one => one.description || '–' },
    { id: 'created', title: () => words('created'), cell: one => <Time at={one.created_at} />, hidden: true },
  ],
  actions: [
    {
      id: 'delete',
      title: () => words('delete'),
      route: routes['image-key'].delete,
      input: one => ({ params: { image_key: one.id } }),
      confirm: {
        title: () => words('delete.title'),
        body: items => words('delete.body', { names: items.map(one => one.name).join(', ') }),
      },
      danger: true,
      leads_to: 'list',
    },
  ],
  tabs: [{ id: 'overview', title: () => words('overview'), load: () => import('./overview.tsx') }],
  create: { route: routes['image-key'].create, title: () => words('create'), load: () => import('./create.tsx') },
  empty: () => words('empty'),
})
