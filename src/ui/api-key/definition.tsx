/** One's own API keys: list, form that shows the secret once, deletion. */
import KeyIcon from '@patternfly/react-icons/dist/esm/icons/key-icon'
import type { ApiKey } from '../../api/api-key.ts'
import { routes } from '../api/routes.ts'
import { PlaceName } from '../grant/names.tsx'
import { defineNoun } from '../noun/definition.ts'
import { createdColumn, deleting, nameColumn } from '../noun/usual.tsx'
import { StateLabel } from '../parts/state.tsx'
import { Time } from '../parts/time.tsx'
import { words } from './text.ts'

export const apiKey = defineNoun<ApiKey>({
  name: 'api-key',
  path: 'api-keys',
  area: 'access',
  title: () => words('one'),
  titles: () => words('many'),
  icon: KeyIcon,
  list: routes['api-key'].list,
  default_sort: 'name',
  get: { route: routes['api-key'].get, param: 'api_key' },
  // They are a person's, and shown in whatever project one is.
  shared_between_projects: true,
  columns: [
    nameColumn(() => words('name')),
    {
      id: 'project',
      title: () => words('project'),
      cell: one => (one.project_id ? <PlaceName noun="project" id={one.project_id} /> : '–'),
    },
    {
      id: 'expires',
      title: () => words('expires'),
      cell: one => <Expires apiKey={one} />,
      width: 'minmax(10rem, 1fr)',
    },
    {
      id: 'last_used',
      title: () => words('last_used'),
      cell: one => (one.last_used_at ? <Time at={one.last_used_at} /> : words('last_used.never')),
      width: 'minmax(10rem, 1fr)',
    },
    createdColumn(() => words('created')),
  ],
  actions: [deleting(words, routes['api-key'].delete, 'api_key')],
  tabs: [{ id: 'overview', title: () => words('overview'), load: () => import('./overview.tsx') }],
  create: { route: routes['api-key'].create, title: () => words('create'), load: () => import('./create.tsx') },
  empty: () => words('empty'),
})

export function Expires({ apiKey: { expires_at } }: { apiKey: ApiKey }) {
  if (expires_at === null) return <>{words('expires.never')}</>
  if (Date.parse(expires_at) > Date.now()) return <Time at={expires_at} />
  return <StateLabel tone="off">{words('expires.over')}</StateLabel>
}
