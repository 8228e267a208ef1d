/** Users: list, page with roles, form, and what administrators do for them. */
import UserIcon from '@patternfly/react-icons/dist/esm/icons/users-icon'
import type { User } from '../../api/user.ts'
import { routes } from '../api/routes.ts'
import { PlaceName } from '../grant/names.tsx'
import { defineNoun } from '../noun/definition.ts'
import { createdColumn, deleting, enabling, nameColumn } from '../noun/usual.tsx'
import { mayIn, sessionNow } from '../session/session.ts'
import { isLocked, UserState } from './state.tsx'
import { words } from './text.ts'

function whyNotManage(one: User): string | undefined {
  const permission = 'user.manage'
  return mayIn(sessionNow(), permission, one.domain_id) ? undefined : words('why_not.manage', { permission })
}

export const user = defineNoun<User>({
  name: 'user',
  path: 'users',
  area: 'access',
  title: () => words('one'),
  titles: () => words('many'),
  icon: UserIcon,
  list: routes.user.list,
  default_sort: 'name',
  get: { route: routes.user.get, param: 'user' },
  columns: [
    nameColumn(() => words('name')),
    { id: 'state', title: () => words('state'), cell: one => <UserState user={one} /> },
    { id: 'email', title: () => words('email'), cell: one => one.email ?? '–', width: 'minmax(8rem, 2fr)' },
    { id: 'domain', title: () => words('domain'), cell: one => <PlaceName noun="domain" id={one.domain_id} /> },
    {
      id: 'default_project',
      title: () => words('default_project'),
      cell: one => (one.default_project_id ? <PlaceName noun="project" id={one.default_project_id} /> : '–'),
      hidden: true,
    },
    createdColumn(() => words('created')),
  ],
  filters: [{ field: 'domain_id', title: () => words('domain'), kind: 'noun', noun: 'domain' }],
  actions: [
    {
      id: 'edit',
      title: () => words('edit'),
      route: routes.user.update,
      primary: true,
      whyNot: whyNotManage,
      input: one => ({ params: { user: one.id }, body: { email: one.email } }),
      dialog: () => import('./edit.tsx'),
    },
    {
      id: 'password',
      title: () => words('set_password'),
      route: routes.user.password,
      whyNot: one => (one.id === sessionNow().user.id ? undefined : whyNotManage(one)),
      input: one => ({ params: { user: one.id }, body: { password: '…' } }),
      dialog: () => import('./password.tsx'),
    },
    {
      id: 'unlock',
      title: () => words('unlock'),
      route: routes.user.unlock,
      whyNot: one => whyNotManage(one) ?? (isLocked(one) ? undefined : words('why_not.unlock')),
      input: one => ({ params: { user: one.id } }),
    },
    ...enabling(words, routes.user.update, 'user', whyNotManage),
    deleting(
      words,
      routes.user.delete,
      'user',
      one => whyNotManage(one) ?? (one.id === sessionNow().user.id ? words('why_not.self') : undefined),
    ),
  ],
  tabs: [
    { id: 'overview', title: () => words('overview'), load: () => import('./overview.tsx') },
    {
      id: 'audit',
      title: () => words('audit'),
      load: () => import('./audit.tsx'),
      needs: routes.audit.list,
      calls: one => [{ route: routes.audit.list, input: { query: { user_id: one.id } } }],
    },
  ],
  badge: one => <UserState user={one} />,
  create: { route: routes.user.create, title: () => words('create'), load: () => import('./create.tsx') },
  empty: () => words('empty'),
})
