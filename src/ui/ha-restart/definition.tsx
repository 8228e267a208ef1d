/** Restarts of highly available instances whose host was lost, of the whole cloud, each with its reason. */
import RestartIcon from '@patternfly/react-icons/dist/esm/icons/redo-icon'
import type { HaRestart } from '../../api/ha-restart.ts'
import { routes } from '../api/routes.ts'
import { defineNoun } from '../noun/definition.ts'
import { ThingLink } from '../parts/link.tsx'
import { Time } from '../parts/time.tsx'
import { Told } from '../parts/told.tsx'
import { RestartedInstance, RestartOutcome } from './outcome.tsx'
import { may, sessionNow } from '../session/session.ts'
import { words } from './text.ts'

const seesAll = () => may(sessionNow(), { level: 'system', needs: 'instance.read' })

export const haRestart = defineNoun<HaRestart>({
  name: 'ha-restart',
  path: 'ha-restarts',
  area: 'operate',
  title: () => words('one'),
  titles: () => words('many'),
  icon: RestartIcon,
  list: routes['ha-restart'].list,
  get: { route: routes['ha-restart'].get, param: 'ha_restart' },
  label: one => one.instance ?? one.instance_id,
  // Of who may not see all: those of the project that they work in.
  list_query: () => (seesAll() ? { all_projects: true } : {}),
  listed_for: { level: 'system', needs: 'instance.read' },
  default_sort: '-id',
  follows: ['ha-restart'],
  not_searched: true,
  of_the_cloud: true,
  columns: [
    {
      id: 'begun',
      title: () => words('begun'),
      cell: one => <Time at={one.begun_at} seconds />,
      width: 'minmax(12.5rem, 1fr)',
    },
    {
      id: 'instance',
      title: () => words('instance'),
      cell: one => <RestartedInstance restart={one} />,
      width: 'minmax(8rem, 1fr)',
    },
    {
      id: 'from',
      title: () => words('from'),
      cell: one => (
        <ThingLink noun="host" id={one.from_host_id}>
          {one.from_host}
        </ThingLink>
      ),
    },
    {
      id: 'to',
      title: () => words('to'),
      cell: one => (
        <ThingLink noun="host" id={one.to_host_id}>
          {one.to_host}
        </ThingLink>
      ),
    },
    {
      id: 'outcome',
      title: () => words('outcome'),
      cell: one => <RestartOutcome restart={one} />,
      width: 'minmax(8rem, 1fr)',
    },
    {
      id: 'reason',
      title: () => words('reason'),
      cell: one => <Told text={one.reason} />,
      width: 'minmax(14rem, 3fr)',
    },
    { id: 'fenced', title: () => words('fenced'), cell: one => words(`fenced.${one.fenced_by}`), hidden: true },
    { id: 'lost', title: () => words('lost'), cell: one => <Time at={one.lost_at} seconds />, hidden: true },
    { id: 'ended', title: () => words('ended'), cell: one => <Time at={one.ended_at} seconds />, hidden: true },
  ],
  filters: [
    { field: 'from_host_id', title: () => words('from'), kind: 'noun', noun: 'host' },
    { field: 'to_host_id', title: () => words('to'), kind: 'noun', noun: 'host' },
    { field: 'cluster_id', title: () => words('cluster'), kind: 'noun', noun: 'cluster' },
    { field: 'instance_id', title: () => words('instance'), kind: 'noun', noun: 'instance' },
  ],
  tabs: [{ id: 'overview', title: () => words('overview'), load: () => import('./overview.tsx') }],
  badge: one => <RestartOutcome restart={one} />,
  empty: () => words('empty'),
})
