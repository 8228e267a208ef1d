/** Roles: sets of permissions. Those that come with Croft are read-only; others are composed. */
import RoleIcon from '@patternfly/react-icons/dist/esm/icons/user-tag-icon'
import type { Role } from '../../api/role.ts'
import { permissions } from '../../model/permissions.ts'
import { routes } from '../api/routes.ts'
import { defineNoun } from '../noun/definition.ts'
import { createdColumn, deleting, nameColumn } from '../noun/usual.tsx'
import { StateLabel } from '../parts/state.tsx'
import { words } from './text.ts'

const whyNot = (one: Role) => (one.built_in ? words('built_in.why') : undefined)

export const role = defineNoun<Role>({
  name: 'role',
  path: 'roles',
  area: 'access',
  title: () => words('one'),
  titles: () => words('many'),
  icon: RoleIcon,
  list: routes.role.list,
  listed_for: routes.user.list,
  default_sort: 'name',
  get: { route: routes.role.get, param: 'role' },
  columns: [
    nameColumn(() => words('name'), 'minmax(10rem, 1fr)'),
    { id: 'kind', title: () => words('kind'), cell: one => <RoleKind role={one} />, width: 'minmax(9rem, 1fr)' },
    {
      id: 'permissions',
      title: () => words('permissions'),
      cell: one => words('count', { n: one.permissions.length, all: permissions.length }),
      numeric: true,
    },
    { id: 'description', title: () => words('description'), cell: one => one.description, width: 'minmax(12rem, 3fr)' },
    createdColumn(() => words('created')),
  ],
  actions: [
    {
      id: 'edit',
      title: () => words('edit'),
      route: routes.role.update,
      primary: true,
      whyNot,
      input: one => ({ params: { role: one.id }, body: { permissions: one.permissions } }),
      dialog: () => import('./edit.tsx'),
    },
    {
      id: 'copy',
      title: () => words('copy'),
      route: routes.role.create,
      primary: true,
      input: one => ({ body: { name: `my ${one.name}`, permissions: one.permissions } }),
      dialog: () => import('./copy.tsx'),
    },
    deleting(words, routes.role.delete, 'role', whyNot),
  ],
  tabs: [{ id: 'overview', title: () => words('overview'), load: () => import('./overview.tsx') }],
  badge: one => <RoleKind role={one} />,
  create: { route: routes.role.create, title: () => words('create'), load: () => import('./create.tsx') },
  empty: () => words('empty'),
})

function RoleKind({ role: { built_in } }: { role: Role }) {
  return built_in ? (
    <StateLabel tone="off" why={words('built_in.why')}>
      {words('built_in')}
    </StateLabel>
  ) : (
    <StateLabel tone="good">{words('composed')}</StateLabel>
  )
}
