/** Users: list, page with roles, form, and what administrators do for them. */
import UserIcon from '@patternfly/react-icons/dist/esm/icons/users-icon'
import type { User } from '../../api/user.ts'
import { routes } from '../api/routes.ts'
import { PlaceName } from '../grant/names.tsx'
import { type Action, defineNoun } from '../noun/definition.ts'
import { Time } from '../parts/time.tsx'
import { mayIn, sessionNow } from '../session/session.ts'
import { isLocked, UserState } from './state.tsx'
import { words } from './text.ts'

const namesOf = (items: readonly User[]) => ({ names: items.map(one => one.name).join(', ') })

function whyNotManage(one: User): string | undefined {
  const permission = 'user.manage'
  return mayIn(sessionNow(), permission, one.domain_id) ? undefined : words('why_not.manage', { permission })
}

function turn(on: boolean): Action<User> {
  return {
    id: on ? 'enable' : 'disable',
    title: () => words(on ? 'enable' : 'disable'),
    route: routes.user.update,
    whyNot: one =>
      whyNotManage(one) ?? (one.enabled === on ? words(on ? 'why_not.enabled' : 'why_not.disabled') : undefined),
    input: one => ({ params: { user: one.id }, body: { enabled: on } }),
    ...(!on && {
      confirm: {
        title: () => words('disable.title', { n: 1 }),
        body: (items: readonly User[]) => words('disable.body', namesOf(items)),
      },
    }),
  }
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
    { id: 'name', title: () => words('name'), cell: one => one.name, sort: 'name', width: 'minmax(10rem, 2fr)' },
    { id: 'state', title: () => words('state'), cell: one => <UserState user={one} /> },
    { id: 'email', title: () => words('email'), cell: one => one.email ?? '–', width: 'minmax(8rem, 2fr)' },
    { id: 'domain', title: () => words('domain'), cell: one => <PlaceName noun="domain" id={one.domain_id} /> },
    {
      id: 'default_project',
      title: () => words('default_project'),
      cell: one => (one.default_project_id ? <PlaceName noun="project" id={one.default_project_id} /> : '–'),
      hidden: true,
    },
    { id: 'created', title: () => words('created'), cell: one => <Time at={one.created_at} />, hidden: true },
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
    turn(true),
    turn(false),
    {
      id: 'delete',
      title: () => words('delete'),
      route: routes.user.delete,
      whyNot: one => whyNotManage(one) ?? (one.id === sessionNow().user.id ? words('why_not.self') : undefined),
      input: one => ({ params: { user: one.id } }),
      confirm: {
        title: () => words('delete.title', { n: 1 }),
        body: items => words('delete.body', namesOf(items)),
      },
      danger: true,
      leads_to: 'list',
    },
  ],
  tabs: [
    { id: 'overview', title: () => words('overview'), load: () => import('./overview.tsx') },
    { id: 'audit', title: () => words('audit'), load: () => import('./audit.tsx'), needs: routes.audit.list },
  ],
  badge: one => <UserState user={one} />,
  create: { route: routes.user.create, title: () => words('create'), load: () => import('./create.tsx') },
  empty: () => words('empty'),
})
