/** Domains: list, page with the tree, role holders and quota, form. */
import DomainIcon from '@patternfly/react-icons/dist/esm/icons/sitemap-icon'
import type { Domain } from '../../api/domain.ts'
import { routes } from '../api/routes.ts'
import { PlaceName } from '../grant/names.tsx'
import { defineNoun } from '../noun/definition.ts'
import { createdColumn, deleting, enabling, nameColumn } from '../noun/usual.tsx'
import { EnabledLabel } from '../parts/enabled.tsx'
import { mayIn, sessionNow } from '../session/session.ts'
import { words } from './text.ts'

function whyNotManage(one: Domain): string | undefined {
  const permission = 'domain.manage'
  return mayIn(sessionNow(), permission, one.id) ? undefined : words('why_not.manage', { permission })
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
    nameColumn(() => words('name')),
    { id: 'state', title: () => words('state'), cell: one => <EnabledLabel on={one.enabled} /> },
    {
      id: 'parent',
      title: () => words('parent'),
      cell: one => (one.parent_id ? <PlaceName noun="domain" id={one.parent_id} /> : words('parent.none')),
    },
    { id: 'description', title: () => words('description'), cell: one => one.description, width: 'minmax(8rem, 2fr)' },
    createdColumn(() => words('created')),
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
    ...enabling(words, routes.domain.update, 'domain', whyNotManage),
    deleting(words, routes.domain.delete, 'domain', whyNotManage),
  ],
  tabs: [
    { id: 'overview', title: () => words('overview'), load: () => import('./overview.tsx') },
    {
      id: 'members',
      title: () => words('administrators'),
      load: () => import('./members.tsx'),
      calls: one => [{ route: routes['role-grant'].list, input: { query: { domain_id: one.id } } }],
    },
    {
      id: 'quota',
      title: () => words('quota'),
      load: () => import('./quota.tsx'),
      calls: one => [{ route: routes.quota.get, input: { query: { domain_id: one.id } } }],
      when: one => mayIn(sessionNow(), 'quota.read', one.id),
    },
  ],
  badge: one => <EnabledLabel on={one.enabled} />,
  create: { route: routes.domain.create, title: () => words('create'), load: () => import('./create.tsx') },
  empty: () => words('empty'),
})
