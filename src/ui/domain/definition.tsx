/** Domains: list, page with the tree, role holders and quota, form. */
import DomainIcon from '@patternfly/react-icons/dist/esm/icons/sitemap-icon'
import type { Domain } from '../../api/domain.ts'
import { routes } from '../api/routes.ts'
import { PlaceName } from '../grant/names.tsx'
import { type Action, defineNoun } from '../noun/definition.ts'
import { EnabledLabel } from '../parts/enabled.tsx'
import { Time } from '../parts/time.tsx'
import { mayIn, sessionNow } from '../session/session.ts'
import { words } from './text.ts'

const namesOf = (items: readonly Domain[]) => ({ names: items.map(one => one.name).join(', ') })

function whyNotManage(one: Domain): string | undefined {
  const permission = 'domain.manage'
  return mayIn(sessionNow(), permission, one.id) ? undefined : words('why_not.manage', { permission })
}

function turn(on: boolean): Action<Domain> {
  return {
    id: on ? 'enable' : 'disable',
    title: () => words(on ? 'enable' : 'disable'),
    route: routes.domain.update,
    whyNot: one =>
      whyNotManage(one) ?? (one.enabled === on ? words(on ? 'why_not.enabled' : 'why_not.disabled') : undefined),
    input: one => ({ params: { domain: one.id }, body: { enabled: on } }),
    ...(!on && {
      confirm: {
        title: () => words('disable.title', { n: 1 }),
        body: (items: readonly Domain[]) => words('disable.body', namesOf(items)),
      },
    }),
  }
}

export const domain = defineNoun<Domain>({
  name: 'domain',
  path: 'domains',
  area: 'access',
  title: () => words('one'),
  titles: () => words('many'),
  icon: DomainIcon,
  list: routes.domain.list,
  listed_for: { level: 'domain', needs: 'domain.read' },
  default_sort: 'name',
  get: { route: routes.domain.get, param: 'domain' },
  columns: [
    { id: 'name', title: () => words('name'), cell: one => one.name, sort: 'name', width: 'minmax(10rem, 2fr)' },
    { id: 'state', title: () => words('state'), cell: one => <EnabledLabel on={one.enabled} /> },
    {
      id: 'parent',
      title: () => words('parent'),
      cell: one => (one.parent_id ? <PlaceName noun="domain" id={one.parent_id} /> : words('parent.none')),
    },
    { id: 'description', title: () => words('description'), cell: one => one.description, width: 'minmax(8rem, 2fr)' },
    { id: 'created', title: () => words('created'), cell: one => <Time at={one.created_at} />, hidden: true },
  ],
  filters: [{ field: 'parent_id', title: () => words('parent'), kind: 'noun', noun: 'domain' }],
  actions: [
    {
      id: 'edit',
      title: () => words('edit'),
      route: routes.domain.update,
      primary: true,
      whyNot: whyNotManage,
      input: one => ({ params: { domain: one.id }, body: { description: one.description } }),
      dialog: () => import('./edit.tsx'),
    },
    turn(true),
    turn(false),
    {
      id: 'delete',
      title: () => words('delete'),
      route: routes.domain.delete,
      whyNot: whyNotManage,
      input: one => ({ params: { domain: one.id } }),
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
    { id: 'members', title: () => words('administrators'), load: () => import('./members.tsx') },
    {
      id: 'quota',
      title: () => words('quota'),
      load: () => import('./quota.tsx'),
      when: one => mayIn(sessionNow(), 'quota.read', one.id),
    },
  ],
  badge: one => <EnabledLabel on={one.enabled} />,
  create: { route: routes.domain.create, title: () => words('create'), load: () => import('./create.tsx') },
  empty: () => words('empty'),
})
