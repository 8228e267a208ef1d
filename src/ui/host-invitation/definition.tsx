/** Tokens with which hosts join: who made them, what became of them, and taking one back. They are made on the page of hosts, and shown once. */
import TicketIcon from '@patternfly/react-icons/dist/esm/icons/ticket-alt-icon'
import type { HostInvitation } from '../../api/host-invitation.ts'
import { routes } from '../api/routes.ts'
import { UserName } from '../grant/names.tsx'
import { defineNoun } from '../noun/definition.ts'
import { ThingLink } from '../parts/link.tsx'
import { StateLabel } from '../parts/state.tsx'
import { Time } from '../parts/time.tsx'
import { words } from './text.ts'

const tones = { open: 'warn', used: 'good', expired: 'off' } as const

export const hostInvitation = defineNoun<HostInvitation>({
  name: 'host-invitation',
  path: 'host-invitations',
  area: 'operate',
  title: () => words('one'),
  titles: () => words('many'),
  icon: TicketIcon,
  list: routes['host-invitation'].list,
  default_sort: '-id',
  follows: ['host-invitation', 'host'],
  not_searched: true,
  of_the_cloud: true,
  label: one => one.replaces_host ?? one.cluster,
  columns: [
    {
      id: 'state',
      title: () => words('state'),
      cell: one => <StateLabel tone={tones[one.state]}>{words(`state.${one.state}`)}</StateLabel>,
    },
    { id: 'cluster', title: () => words('cluster'), cell: one => one.cluster },
    { id: 'user', title: () => words('user'), cell: one => <UserName id={one.user_id} /> },
    {
      id: 'host',
      title: () => words('host'),
      cell: one => (
        <ThingLink noun="host" id={one.host_id}>
          {one.host}
        </ThingLink>
      ),
    },
    {
      id: 'replaces',
      title: () => words('replaces'),
      cell: one => (
        <ThingLink noun="host" id={one.replaces_host_id}>
          {one.replaces_host}
        </ThingLink>
      ),
    },
    {
      id: 'expires',
      title: () => words('expires'),
      cell: one => <Time at={one.expires_at} />,
      sort: 'expires_at',
      width: 'minmax(11rem, 1fr)',
    },
    { id: 'created', title: () => words('created'), cell: one => <Time at={one.created_at} />, hidden: true },
  ],
  filters: [
    {
      field: 'state',
      title: () => words('state'),
      kind: 'choice',
      options: (['open', 'used', 'expired'] as const).map(value => ({ value, title: () => words(`state.${value}`) })),
    },
  ],
  actions: [
    {
      id: 'delete',
      title: () => words('delete'),
      route: routes['host-invitation'].delete,
      input: one => ({ params: { host_invitation: one.id } }),
      confirm: { title: n => words('delete.title', { n }), body: () => words('delete.body') },
      danger: true,
    },
  ],
  empty: () => words('empty'),
})
