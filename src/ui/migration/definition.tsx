/** Migrations: instances on their way between hosts, live; begun on an instance's page (begin.tsx) or by emptying a host. */
import MigrationIcon from '@patternfly/react-icons/dist/esm/icons/exchange-alt-icon'
import type { Migration } from '../../api/migration.ts'
import { migrationKinds, migrationOutcomes } from '../../model/migration.ts'
import { routes } from '../api/routes.ts'
import { defineNoun } from '../noun/definition.ts'
import { ThingLink } from '../parts/link.tsx'
import { Time } from '../parts/time.tsx'
import { MigrationBar, MigrationState } from './state.tsx'
import { words } from './text.ts'

function whyNotCancel({ phase, cancel_asked }: Migration): string | undefined {
  if (phase !== 'preparing' && phase !== 'sending') return words('why_not.cancel')
  return cancel_asked ? words('why_not.cancelling') : undefined
}

export const migration = defineNoun<Migration>({
  name: 'migration',
  path: 'migrations',
  area: 'operate',
  title: () => words('one'),
  titles: () => words('many'),
  icon: MigrationIcon,
  list: routes.migration.list,
  default_sort: '-id',
  get: { route: routes.migration.get, param: 'migration' },
  not_searched: true,
  of_the_cloud: true,
  label: one => one.instance,
  columns: [
    {
      id: 'instance',
      title: () => words('instance'),
      cell: one => (
        <ThingLink noun="instance" id={one.instance_id}>
          {one.instance}
        </ThingLink>
      ),
      width: 'minmax(6rem, 1.4fr)',
    },
    { id: 'kind', title: () => words('kind'), cell: one => words(`kind.${one.kind}`), width: 'minmax(8.75rem, 1fr)' },
    {
      id: 'source',
      title: () => words('source'),
      cell: one => (
        <ThingLink noun="host" id={one.source_host_id}>
          {one.source_host}
        </ThingLink>
      ),
      width: 'minmax(7rem, 1.4fr)',
    },
    {
      id: 'target',
      title: () => words('target'),
      cell: one => (
        <ThingLink noun="host" id={one.target_host_id}>
          {one.target_host}
        </ThingLink>
      ),
      width: 'minmax(7rem, 1.4fr)',
    },
    {
      id: 'state',
      title: () => words('state'),
      cell: one => <MigrationState migration={one} />,
      width: 'minmax(12.5rem, 2fr)',
    },
    {
      id: 'progress',
      title: () => words('progress'),
      cell: one => <MigrationBar migration={one} />,
      width: 'minmax(4rem, 0.8fr)',
    },
    {
      id: 'cause',
      title: () => words('cause'),
      cell: one => words.maybe(`cause.${one.cause}`) ?? one.cause,
      hidden: true,
    },
    {
      id: 'created',
      title: () => words('created'),
      cell: one => <Time at={one.created_at} brief />,
      width: 'minmax(8.25rem, 1fr)',
    },
    { id: 'ended', title: () => words('ended'), cell: one => <Time at={one.ended_at} />, hidden: true },
  ],
  filters: [
    { field: 'open', title: () => words('open'), kind: 'yes' },
    { field: 'host_id', title: () => words('host'), kind: 'noun', noun: 'host' },
    {
      field: 'kind',
      title: () => words('kind'),
      kind: 'choice',
      options: migrationKinds.map(value => ({ value, title: () => words(`kind.${value}`) })),
    },
    {
      field: 'outcome',
      title: () => words('outcome'),
      kind: 'choice',
      options: migrationOutcomes.map(value => ({ value, title: () => words(`outcome.${value}`) })),
    },
  ],
  actions: [
    {
      id: 'cancel',
      title: () => words('cancel'),
      route: routes.migration.cancel,
      primary: true,
      whyNot: whyNotCancel,
      input: one => ({ params: { migration: one.id } }),
      confirm: {
        title: n => words('cancel.title', { n }),
        body: items => words('cancel.body', { names: items.map(one => one.instance).join(', ') }),
      },
    },
  ],
  tabs: [{ id: 'overview', title: () => words('overview'), load: () => import('./overview.tsx') }],
  badge: one => <MigrationState migration={one} />,
  empty: () => words('empty'),
  judge: (one, { open, host_id }) => ({
    open: open === undefined || (String(open) === 'true') === (one.phase !== 'ended'),
    host_id: host_id === undefined || host_id === one.source_host_id || host_id === one.target_host_id,
  }),
})
