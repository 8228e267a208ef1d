/** Machines that ask to be hosts: who they are, and an operator's yes or no. */
import WaitIcon from '@patternfly/react-icons/dist/esm/icons/clipboard-check-icon'
import type { HostRegistration } from '../../api/host-registration.ts'
import { routes } from '../api/routes.ts'
import { defineNoun } from '../noun/definition.ts'
import { namesOf } from '../noun/usual.tsx'
import { Time } from '../parts/time.tsx'
import { RegistrationState } from './state.tsx'
import { words } from './text.ts'

const decided = ({ state }: HostRegistration) => (state === 'pending' ? undefined : words('why_not.decided'))

/** In a list's cell: whom it is like. */
function findingsIn({ same_machine, same_name, same_machine_pending: n }: HostRegistration): string {
  const found = [
    same_machine && words('finding.machine.short', { host: same_machine.name }),
    same_name && same_name.id !== same_machine?.id && words('finding.name.short', { host: same_name.name }),
    n > 0 && words('finding.twice.short', { n }),
  ]
  return found.filter(one => typeof one === 'string').join(', ')
}

export const hostRegistration = defineNoun<HostRegistration>({
  name: 'host-registration',
  path: 'host-registrations',
  area: 'operate',
  title: () => words('one'),
  titles: () => words('many'),
  icon: WaitIcon,
  list: routes['host-registration'].list,
  get: { route: routes['host-registration'].get, param: 'host_registration' },
  columns: [
    { id: 'name', title: () => words('name'), cell: one => one.name, sort: 'name', width: 'minmax(10rem, 1fr)' },
    { id: 'state', title: () => words('state'), cell: one => <RegistrationState state={one.state} /> },
    {
      id: 'code',
      title: () => words('code'),
      cell: one => <code>{one.code}</code>,
      width: 'minmax(12rem, 1fr)',
    },
    { id: 'address', title: () => words('address'), cell: one => one.address },
    { id: 'findings', title: () => words('findings'), cell: one => findingsIn(one) },
    { id: 'asked', title: () => words('asked'), cell: one => <Time at={one.asked_at} /> },
    { id: 'created', title: () => words('created'), cell: one => <Time at={one.created_at} />, hidden: true },
  ],
  filters: [
    {
      field: 'state',
      title: () => words('state'),
      kind: 'choice',
      options: (['pending', 'approved', 'rejected'] as const).map(value => ({
        value,
        title: () => words(`state.${value}`),
      })),
    },
  ],
  actions: [
    {
      id: 'approve',
      title: () => words('approve'),
      route: routes['host-registration'].approve,
      whyNot: decided,
      input: one => ({ params: { host_registration: one.id }, body: {} }),
      primary: true,
      single: true,
      dialog: () => import('./approve.tsx'),
    },
    {
      id: 'reject',
      title: () => words('reject'),
      route: routes['host-registration'].reject,
      whyNot: decided,
      input: one => ({ params: { host_registration: one.id } }),
      primary: true,
      confirm: { title: () => words('reject.title'), body: items => words('reject.body', namesOf(items)) },
      danger: true,
    },
  ],
  tabs: [{ id: 'overview', title: () => words('overview'), load: () => import('./overview.tsx') }],
  badge: one => <RegistrationState state={one.state} />,
  empty: () => words('empty'),
  empty_title: () => words('empty.title'),
})
