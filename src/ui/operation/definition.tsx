/** Operations: every change that takes time, of everyone in the project; live, to be cancelled where that is possible. */
import OperationIcon from '@patternfly/react-icons/dist/esm/icons/tasks-icon'
import type { Operation } from '../../api/operation.ts'
import { routes } from '../api/routes.ts'
import { UserName } from '../grant/names.tsx'
import { defineNoun } from '../noun/definition.ts'
import { Time } from '../parts/time.tsx'
import { Told } from '../parts/told.tsx'
import { words as shared } from '../text/shared.ts'
import { kindText, OperationProgress, OperationState, OperationThing } from './state.tsx'
import { words } from './text.ts'

/** As the API decides: what was never begun can be taken back, and nothing else. */
function whyNotCancel({ ended_at, state, kind }: Operation): string | undefined {
  if (ended_at !== null) return words('why_not.ended', { state: shared(`operation.state.${state}`) })
  if (kind === 'image.create') return words('why_not.image')
  return kind === 'instance.create' || kind === 'instance.start' || kind === 'instance.migrate'
    ? undefined
    : words('why_not.kind', { kind: kindText(kind) })
}

export const operation = defineNoun<Operation>({
  name: 'operation',
  path: 'operations',
  area: 'operate',
  title: () => words('one'),
  titles: () => words('many'),
  icon: OperationIcon,
  list: routes.operation.list,
  default_sort: '-id',
  get: { route: routes.operation.get, param: 'operation' },
  not_searched: true,
  label: one => kindText(one.kind),
  columns: [
    { id: 'kind', title: () => words('kind'), cell: one => kindText(one.kind), width: 'minmax(9rem, 1fr)' },
    {
      id: 'thing',
      title: () => words('thing'),
      cell: one => <OperationThing operation={one} />,
      width: 'minmax(10rem, 2fr)',
    },
    { id: 'state', title: () => words('state'), cell: one => <OperationState operation={one} /> },
    {
      id: 'progress',
      title: () => words('progress'),
      cell: one => <OperationProgress operation={one} />,
      width: 'minmax(6rem, 1fr)',
    },
    {
      id: 'reason',
      title: () => words('reason'),
      cell: one => <Told text={one.reason ?? one.step} />,
      width: 'minmax(8rem, 2fr)',
    },
    { id: 'user', title: () => words('user'), cell: one => <UserName id={one.user_id} /> },
    {
      id: 'created',
      title: () => words('created'),
      cell: one => <Time at={one.created_at} brief />,
      sort: 'created_at',
      width: 'minmax(8.5rem, 1fr)',
    },
    { id: 'ended', title: () => words('ended'), cell: one => <Time at={one.ended_at} />, hidden: true },
  ],
  filters: [
    { field: 'open', title: () => words('open'), kind: 'yes' },
    { field: 'failed', title: () => words('failed'), kind: 'yes' },
  ],
  judge: (one, { open, failed }) => ({
    open: open === undefined || (String(open) === 'true') === (one.ended_at === null),
    failed: failed === undefined || (String(failed) === 'true') === (one.state === 'failed'),
  }),
  actions: [
    {
      id: 'cancel',
      title: () => words('cancel'),
      route: routes.operation.cancel,
      primary: true,
      whyNot: whyNotCancel,
      input: one => ({ params: { operation: one.id } }),
      confirm: {
        title: n => words('cancel.title', { n }),
        body: items => words('cancel.body', { names: items.map(one => kindText(one.kind)).join(', ') }),
      },
    },
  ],
  tabs: [{ id: 'overview', title: () => words('overview'), load: () => import('./overview.tsx') }],
  badge: one => <OperationState operation={one} />,
  empty: () => words('empty'),
})
