/** Hosts: list with how full they are, page, what an operator does with one. */
import HostIcon from '@patternfly/react-icons/dist/esm/icons/container-node-icon'
import type { Host } from '../../api/host.ts'
import { hostAvailabilities } from '../../model/host-state.ts'
import { routes } from '../api/routes.ts'
import { type Action, defineNoun } from '../noun/definition.ts'
import { ThingLink } from '../parts/link.tsx'
import { sessionNow } from '../session/session.ts'
import { TagList } from '../parts/tags.tsx'
import { number, size, Time } from '../parts/time.tsx'
import { Bar } from './bar.tsx'
import { judge } from './judge.ts'
import { HostStateLabel, LastHeard } from './state.tsx'
import { words as settingWords } from '../setting/text.ts'
import { words as maintenanceWords } from './maintenance-text.ts'
import { words } from './text.ts'

const namesOf = (items: readonly Host[]) => ({ names: items.map(one => one.name).join(', ') })

function schedule(schedulable: boolean): Action<Host> {
  const id = schedulable ? 'open' : 'close'
  return {
    id,
    title: () => words(id),
    route: routes.host.update,
    whyNot: one => (one.schedulable === schedulable ? words(`why_not.${id}`) : undefined),
    input: one => ({ params: { host: one.id }, body: { schedulable } }),
  }
}

/** As its tab asks for them. */
export function instancesOf({ id }: Pick<Host, 'id'>) {
  const all = sessionNow().permissions.system.includes('instance.read')
  return { host_id: id, sort: 'name', ...(all && { all_projects: true }) }
}

/** Of its disagreements: what settles all that can be settled at once, and the first of each kind that is settled one by one. */
function settlingsOf({ id, disagreements }: Host) {
  const params = { host: id }
  const first = (...kinds: readonly string[]) => disagreements.find(one => kinds.includes(one.kind))
  const [ahead, doubtful, orphan] = [first('ahead'), first('elsewhere', 'missing'), first('orphaned')]
  const settle = (body: object) => ({ route: routes.host.reconcile, input: { params, body } })
  const takes = ['host', 'database'] as const
  return [
    ...(ahead ? takes.map(take => settle({ take })) : []),
    ...(doubtful ? takes.map(take => settle({ take, instance_ids: [doubtful.instance_id] })) : []),
    ...(orphan
      ? [
          { route: routes.host.adopt, input: { params, body: { instance_id: orphan.instance_id } } },
          {
            route: routes.host.purgeOrphan,
            input: { params, body: { instance_id: orphan.instance_id, name: orphan.name ?? orphan.instance_id } },
          },
        ]
      : []),
  ]
}

export const host = defineNoun<Host>({
  name: 'host',
  path: 'hosts',
  area: 'operate',
  title: () => words('one'),
  titles: () => words('many'),
  icon: HostIcon,
  list: routes.host.list,
  default_sort: 'name',
  get: { route: routes.host.get, param: 'host' },
  columns: [
    { id: 'name', title: () => words('name'), cell: one => one.name, sort: 'name', width: 'minmax(7rem, 1.2fr)' },
    {
      id: 'state',
      title: () => words('state'),
      cell: one => <HostStateLabel host={one} />,
      width: 'minmax(9rem, 1.4fr)',
    },
    {
      id: 'cluster',
      title: () => words('cluster'),
      cell: one => (
        <ThingLink noun="cluster" id={one.cluster_id}>
          {one.cluster}
        </ThingLink>
      ),
    },
    { id: 'zone', title: () => words('zone'), cell: one => one.zone, hidden: true },
    {
      id: 'instances',
      title: () => words('instances'),
      cell: one => number(one.instances),
      numeric: true,
      width: 'minmax(5.5rem, 1fr)',
    },
    {
      id: 'fullness',
      title: () => words('fullness'),
      cell: one => `${number(one.fullness_percent, 0)} %`,
      sort: 'fullness_percent',
      numeric: true,
      // All of them have room on a screen of 1400.
      width: 'minmax(4.5rem, 1fr)',
    },
    {
      id: 'vcpus',
      title: () => words('vcpus'),
      cell: one => <Bar used={one.vcpus_claimed} limit={one.vcpus_limit} show={number} />,
      width: 'minmax(8rem, 1fr)',
    },
    {
      id: 'memory',
      title: () => words('memory'),
      cell: one => (
        <Bar used={one.memory_claimed_mib} limit={one.memory_limit_mib} show={value => size(value, 'MiB')} />
      ),
      width: 'minmax(10.5rem, 1.2fr)',
    },
    {
      id: 'disk',
      title: () => words('disk'),
      cell: one => <Bar used={one.disk_claimed_gib} limit={one.disk_limit_gib} show={value => size(value, 'GiB')} />,
      width: 'minmax(10.5rem, 1.2fr)',
    },
    {
      id: 'attention',
      title: () => words('attention'),
      cell: one => one.attention.map(each => words(`attention.${each}`)).join(', ') || '–',
      hidden: true,
    },
    { id: 'labels', title: () => words('labels'), cell: one => <TagList tags={one.labels} />, hidden: true },
    { id: 'seen', title: () => words('seen'), cell: one => <LastHeard host={one} />, hidden: true },
    { id: 'created', title: () => words('joined'), cell: one => <Time at={one.created_at} />, hidden: true },
  ],
  filters: [
    {
      field: 'availability',
      title: () => words('state'),
      kind: 'choice',
      options: hostAvailabilities.map(value => ({ value, title: () => words(`availability.${value}`) })),
    },
    { field: 'zone_id', title: () => words('zone'), kind: 'noun', noun: 'zone' },
    { field: 'cluster_id', title: () => words('cluster'), kind: 'noun', noun: 'cluster' },
    { field: 'attention', title: () => words('attention'), kind: 'yes' },
    {
      field: 'schedulable',
      title: () => words('schedulable'),
      kind: 'choice',
      options: [
        { value: 'true', title: () => words('schedulable.true') },
        { value: 'false', title: () => words('closed') },
      ],
      more: true,
    },
    {
      field: 'bmc',
      title: () => words('bmc'),
      kind: 'choice',
      options: (['true', 'false'] as const).map(value => ({ value, title: () => words(`bmc.${value}`) })),
      more: true,
    },
    { field: 'aggregate_id', title: () => words('aggregates'), kind: 'noun', noun: 'aggregate', more: true },
    { field: 'label', title: () => words('label'), kind: 'text', more: true },
  ],
  judge,
  actions: [
    schedule(false),
    schedule(true),
    {
      id: 'maintenance',
      title: () => maintenanceWords('start'),
      route: routes.maintenance.start,
      whyNot: one => (one.maintenance === null ? undefined : maintenanceWords('why_not.start')),
      input: one => ({ params: { host: one.id }, body: {} }),
      confirm: {
        title: () => maintenanceWords('start'),
        body: items => `${namesOf(items).names}: ${maintenanceWords('start.body')}`,
      },
    },
    ...(['end', 'end-cancel'] as const).map(
      (id): Action<Host> => ({
        id,
        title: () => maintenanceWords(id),
        route: routes.maintenance.end,
        whyNot: one => (one.maintenance === null ? maintenanceWords('why_not.end') : undefined),
        input: one => ({
          params: { host: one.id },
          ...(id === 'end-cancel' && { query: { cancel_migrations: true } }),
        }),
        confirm: {
          title: () => maintenanceWords(id),
          body: items => `${namesOf(items).names}: ${maintenanceWords(`${id}.body`)}`,
        },
      }),
    ),
    {
      id: 'settings',
      title: () => words('settings'),
      route: routes.host.update,
      input: one => ({ params: { host: one.id }, body: { name: one.name } }),
      primary: true,
      dialog: () => import('./settings.tsx'),
    },
    {
      id: 'labels',
      title: () => words('labels.change'),
      route: routes.host.update,
      input: one => ({ params: { host: one.id }, body: { labels: one.labels } }),
      primary: true,
      dialog: () => import('./labels.tsx'),
    },
    {
      id: 'adopt-hardware',
      title: () => words('adopt_hardware'),
      route: routes.host.adoptHardware,
      whyNot: one => {
        if (one.other_hardware === null) return words('why_not.adopt_hardware')
        return one.state === 'up' ? words('why_not.adopt_hardware.linked') : undefined
      },
      input: one => ({
        params: { host: one.id },
        body: one.other_hardware === null ? {} : { hardware: one.other_hardware.hardware },
      }),
      confirm: {
        title: () => words('adopt_hardware.title'),
        body: items =>
          words('adopt_hardware.body', { ...namesOf(items), hardware: items[0]?.other_hardware?.hardware ?? '' }),
      },
      danger: true,
      single: true,
    },
    {
      id: 'evacuate',
      title: () => words('evacuate'),
      route: routes.host.evacuate,
      whyNot: one => {
        if (one.state === 'up') return words('why_not.evacuate.up')
        return one.absence?.fenced_by ? undefined : words('why_not.evacuate.unsure')
      },
      input: one => ({ params: { host: one.id } }),
      dialog: () => import('./evacuate.tsx'),
      single: true,
    },
    {
      id: 'remove',
      title: () => words('remove'),
      route: routes.host.remove,
      whyNot: one => (one.instances > 0 ? words('why_not.remove', { n: one.instances }) : undefined),
      input: one => ({ params: { host: one.id } }),
      confirm: { title: () => words('remove.title'), body: items => words('remove.body', namesOf(items)) },
      danger: true,
      leads_to: 'list',
    },
    {
      id: 'remove-lost',
      title: () => words('remove_lost'),
      route: routes.host.remove,
      whyNot: one => (one.state === 'up' ? words('why_not.remove_lost') : undefined),
      input: one => ({ params: { host: one.id }, query: { lost: true } }),
      dialog: () => import('./remove-lost.tsx'),
      danger: true,
      single: true,
    },
  ],
  tabs: [
    { id: 'overview', title: () => words('overview'), load: () => import('./overview.tsx') },
    {
      id: 'instances',
      title: () => words('instances'),
      load: () => import('./instances.tsx'),
      calls: one => [{ route: routes.instance.list, input: { query: instancesOf(one) } }],
    },
    { id: 'metrics', title: () => words('metrics'), load: () => import('./metrics.tsx') },
    {
      id: 'hardware',
      title: () => words('hardware'),
      load: () => import('./hardware.tsx'),
      calls: one => [{ route: routes.host.hardware, input: { params: { host: one.id } } }],
    },
    {
      id: 'disagreements',
      title: () => words('disagreements'),
      load: () => import('./disagreements.tsx'),
      calls: settlingsOf,
      when: one => one.disagreements.length > 0,
    },
    {
      id: 'fencing',
      title: () => words('fencing'),
      load: () => import('./fencing.tsx'),
      needs: routes['host-bmc'].get,
      calls: one => [{ route: routes['host-bmc'].get, input: { params: { host: one.id } } }],
    },
    {
      id: 'maintenance',
      title: () => maintenanceWords('tab'),
      load: () => import('./maintenance.tsx'),
      calls: one => [{ route: routes.maintenance.get, input: { params: { host: one.id } } }],
      when: one => one.maintenance !== null,
    },
    { id: 'events', title: () => words('events'), load: () => import('./events.tsx'), needs: routes.event.list },
    {
      id: 'settings',
      title: () => settingWords('title'),
      load: () => import('../setting/tab.tsx').then(tabs => ({ default: tabs.HostSettings })),
      needs: { level: 'system', needs: 'setting.read' },
    },
  ],
  badge: one => <HostStateLabel host={one} />,
  extras: () => import('./invite.tsx'),
  empty: () => words('empty'),
})
