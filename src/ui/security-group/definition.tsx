/** Security groups: what traffic reaches ports and leaves them. */
import GroupIcon from '@patternfly/react-icons/dist/esm/icons/shield-alt-icon'
import { Label } from '@patternfly/react-core'
import type { SecurityGroup } from '../../api/security-group.ts'
import { routes } from '../api/routes.ts'
import { whyNotOurs } from '../network/shared.ts'
import { defineNoun } from '../noun/definition.ts'
import { createdColumn, deleting, nameColumn } from '../noun/usual.tsx'
import { words } from './text.ts'

const rulesOf = (one: SecurityGroup, direction: 'ingress' | 'egress') =>
  words('rules.count', { n: one.rules.filter(rule => rule.direction === direction).length })

export const securityGroup = defineNoun<SecurityGroup>({
  name: 'security-group',
  path: 'security-groups',
  area: 'network',
  title: () => words('one'),
  titles: () => words('many'),
  icon: GroupIcon,
  list: routes['security-group'].list,
  default_sort: 'name',
  get: { route: routes['security-group'].get, param: 'security_group' },
  badge: one =>
    one.is_default && (
      <Label isCompact variant="outline" title={words('default.why')}>
        {words('default')}
      </Label>
    ),
  columns: [
    nameColumn(() => words('name'), 'minmax(9rem, 1.5fr)'),
    {
      id: 'description',
      title: () => words('description'),
      cell: one => one.description || '–',
      width: 'minmax(9rem, 3fr)',
    },
    { id: 'in', title: () => words('in'), cell: one => rulesOf(one, 'ingress') },
    { id: 'out', title: () => words('out'), cell: one => rulesOf(one, 'egress') },
    createdColumn(() => words('created')),
  ],
  actions: [
    {
      id: 'edit',
      title: () => words('edit'),
      route: routes['security-group'].update,
      input: one => ({ params: { security_group: one.id } }),
      whyNot: one => whyNotOurs(one, 'security-group.manage'),
      primary: true,
      dialog: () => import('./edit.tsx'),
    },
    deleting(words, routes['security-group'].delete, 'security_group', one =>
      one.is_default ? words('why_not.delete') : whyNotOurs(one, 'security-group.manage'),
    ),
  ],
  tabs: [
    { id: 'rules', title: () => words('rules'), load: () => import('./rules.tsx') },
    {
      id: 'members',
      title: () => words('members'),
      load: () => import('./members.tsx'),
      calls: one => [{ route: routes.port.list, input: { query: { security_group_id: one.id } } }],
    },
    { id: 'events', title: () => words('events'), load: () => import('./events.tsx'), needs: routes.event.list },
  ],
  create: { route: routes['security-group'].create, title: () => words('create'), load: () => import('./create.tsx') },
  empty: () => words('empty'),
})
