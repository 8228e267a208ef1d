/** Hosts: list with how full they are, page, what an operator does with one. */
import HostIcon from '@patternfly/react-icons/dist/esm/icons/container-node-icon'
import type { Host } from '../../api/host.ts'
import { routes } from '../api/routes.ts'
import { type Action, defineNoun } from '../noun/definition.ts'
import { ThingLink } from '../parts/link.tsx'
import { TagList } from '../parts/tags.tsx'
import { number, size, Time } from '../parts/time.tsx'
import { Bar } from './bar.tsx'
import { HostStateLabel } from './state.tsx'
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
    { id: 'name', title: () => words('name'), cell: one => one.name, sort: 'name', width: 'minmax(8rem, 1.2fr)' },
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
    { id: 'instances', title: () => words('instances'), cell: one => number(one.instances), numeric: true },
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
      width: 'minmax(11rem, 1.2fr)',
    },
    {
      id: 'disk',
      title: () => words('disk'),
      cell: one => <Bar used={one.disk_claimed_gib} limit={one.disk_limit_gib} show={value => size(value, 'GiB')} />,
      width: 'minmax(11rem, 1.2fr)',
    },
    { id: 'labels', title: () => words('labels'), cell: one => <TagList tags={one.labels} />, hidden: true },
    { id: 'seen', title: () => words('seen'), cell: one => <Time at={one.last_seen_at} />, hidden: true },
    { id: 'created', title: () => words('joined'), cell: one => <Time at={one.created_at} />, hidden: true },
  ],
  filters: [
    { field: 'cluster_id', title: () => words('cluster'), kind: 'noun', noun: 'cluster' },
    { field: 'aggregate_id', title: () => words('aggregates'), kind: 'noun', noun: 'aggregate' },
  ],
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
      confirm: {
        title: () => words('remove_lost.title'),
        body: items =>
          words('remove_lost.body', { ...namesOf(items), n: items.reduce((sum, one) => sum + one.instances, 0) }),
      },
      danger: true,
      single: true,
      leads_to: 'list',
    },
  ],
  tabs: [
    { id: 'overview', title: () => words('overview'), load: () => import('./overview.tsx') },
    { id: 'instances', title: () => words('instances'), load: () => import('./instances.tsx') },
    { id: 'metrics', title: () => words('metrics'), load: () => import('./metrics.tsx') },
    { id: 'hardware', title: () => words('hardware'), load: () => import('./hardware.tsx') },
    {
      id: 'disagreements',
      title: () => words('disagreements'),
      load: () => import('./disagreements.tsx'),
      when: one => one.disagreements.length > 0,
    },
    {
      id: 'fencing',
      title: () => words('fencing'),
      load: () => import('./fencing.tsx'),
      needs: routes['host-bmc'].get,
    },
    {
      id: 'maintenance',
      title: () => maintenanceWords('tab'),
      load: () => import('./maintenance.tsx'),
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
