/** Instances: list, page, moves, form. What can be done with one comes from the one table of moves in src/model. */
import InstanceIcon from '@patternfly/react-icons/dist/esm/icons/server-icon'
import type { Instance } from '../../api/instance.ts'
import { availabilities } from '../../model/availability.ts'
import { type InstanceMove, instanceStates, mayMove } from '../../model/instance.ts'
import { routes } from '../api/routes.ts'
import { words as consoleWords } from '../console/text.ts'
import { words as migrationWords } from '../migration/text.ts'
import { type Action, defineNoun } from '../noun/definition.ts'
import { ThingLink } from '../parts/link.tsx'
import { TagList } from '../parts/tags.tsx'
import { size, Time } from '../parts/time.tsx'
import { InstanceStateLabel } from './state.tsx'
import { words as shared } from '../text/shared.ts'
import { words as recovery } from './recovery-text.ts'
import { words } from './text.ts'

const namesOf = (items: readonly Instance[]) => ({ names: items.map(one => one.name).join(', ') })

function move(name: InstanceMove, changes: Partial<Action<Instance>> = {}): Action<Instance> {
  return {
    id: name,
    title: () => words(name),
    route: name === 'purge' ? routes.instance.delete : routes.instance[name],
    whyNot: one =>
      mayMove(name, one.state) ? undefined : words(`why_not.${name}`, { state: words(`state.${one.state}`) }),
    input: one => ({ params: { instance: one.id }, body: {} }),
    ...changes,
  }
}

/** As the controller says it (app/instance-password.ts). */
function whyNotPassword(one: Instance): string | undefined {
  if (one.state !== 'running' && one.state !== 'migrating')
    return words('why_not.password', { state: words(`state.${one.state}`) })
  return one.guest_agent === 'connected' ? undefined : words('why_not.password.agent')
}

/** As the controller says it (app/migration.ts). */
function whyNotMigrate({ state, migration }: Instance): string | undefined {
  if (migration !== null) return migrationWords('why_not.moving')
  if (state === 'deleting') return migrationWords('why_not.deleted')
  // Of a lost host it is started elsewhere, or the answer says what is lacking for that.
  if (!['starting', 'stopping', 'rebooting'].includes(state)) return undefined
  return migrationWords('why_not.state', { state: words(`state.${state}`) })
}

export const instance = defineNoun<Instance>({
  name: 'instance',
  path: 'instances',
  area: 'compute',
  title: () => words('one'),
  titles: () => words('many'),
  icon: InstanceIcon,
  list: routes.instance.list,
  default_sort: 'name',
  searched_by: () => shared('list.search.addresses'),
  get: { route: routes.instance.get, param: 'instance' },
  columns: [
    { id: 'name', title: () => words('name'), cell: one => one.name, sort: 'name', width: 'minmax(10rem, 2fr)' },
    {
      id: 'state',
      title: () => words('state'),
      cell: one => <InstanceStateLabel instance={one} />,
      sort: 'state',
      width: 'minmax(7rem, 1fr)',
    },
    {
      id: 'addresses',
      title: () => words('addresses'),
      cell: one => <Addresses instance={one} />,
      width: 'minmax(7.5rem, 1.2fr)',
    },
    { id: 'flavor', title: () => words('flavor'), cell: one => one.flavor },
    { id: 'image', title: () => words('image'), cell: one => one.image },
    {
      id: 'host',
      title: () => words('host'),
      cell: one => (
        <ThingLink noun="host" id={one.host_id}>
          {one.host}
        </ThingLink>
      ),
    },
    { id: 'zone', title: () => words('zone'), cell: one => one.zone, hidden: true },
    {
      id: 'memory',
      title: () => words('memory_mib'),
      cell: one => size(one.memory_mib, 'MiB'),
      numeric: true,
      hidden: true,
    },
    { id: 'tags', title: () => words('tags'), cell: one => <TagList tags={one.tags} />, hidden: true },
    {
      id: 'created',
      title: () => words('created'),
      cell: one => <Time at={one.created_at} />,
      sort: 'created_at',
      width: 'minmax(11rem, 1fr)',
    },
  ],
  filters: [
    {
      field: 'state',
      title: () => words('state'),
      kind: 'choices',
      options: instanceStates.map(state => ({ value: state, title: () => words(`state.${state}`) })),
    },
    { field: 'image_id', title: () => words('image'), kind: 'noun', noun: 'image' },
    { field: 'host_id', title: () => words('host'), kind: 'noun', noun: 'host' },
    { field: 'zone_id', title: () => words('zone'), kind: 'noun', noun: 'zone' },
    {
      field: 'availability',
      title: () => recovery('availability'),
      kind: 'choice',
      options: availabilities.map(value => ({ value, title: () => recovery(`availability.${value}`) })),
    },
    { field: 'ha_obstacle', title: () => recovery('ha_obstacle'), kind: 'yes' },
    { field: 'deleted', title: () => words('deleted'), kind: 'yes' },
  ],
  actions: [
    move('start', { primary: true }),
    move('stop', {
      primary: true,
      confirm: { title: () => words('stop.title'), body: items => words('stop.body', namesOf(items)) },
    }),
    move('reboot', { primary: true }),
    move('reboot', {
      id: 'reboot-hard',
      title: () => words('reboot.hard'),
      input: one => ({ params: { instance: one.id }, body: { hard: true } }),
      confirm: { title: () => words('reboot.hard.title'), body: items => words('reboot.hard.body', namesOf(items)) },
    }),
    {
      id: 'edit',
      title: () => words('edit'),
      route: routes.instance.update,
      whyNot: one => (one.deleted_at === null ? undefined : words('why_not.edit')),
      input: one => ({ params: { instance: one.id }, body: { name: one.name, tags: one.tags } }),
      dialog: () => import('./edit.tsx'),
    },
    {
      id: 'recovery',
      title: () => recovery('change'),
      route: routes.instance.update,
      whyNot: one => (one.deleted_at === null ? undefined : words('why_not.edit')),
      input: one => ({ params: { instance: one.id }, body: { availability: one.availability } }),
      single: true,
      dialog: () => import('./recovery.tsx'),
    },
    {
      id: 'resize',
      title: () => words('resize'),
      route: routes.instance.resize,
      whyNot: one =>
        one.vcpus_max > one.vcpus || one.memory_max_mib > one.memory_mib || one.state === 'stopped'
          ? undefined
          : words('why_not.resize'),
      input: one => ({ params: { instance: one.id }, body: { vcpus: one.vcpus, memory_mib: one.memory_mib } }),
      dialog: () => import('./resize.tsx'),
    },
    {
      id: 'password',
      title: () => words('password'),
      route: routes.instance.resetPassword,
      whyNot: whyNotPassword,
      input: one => ({ params: { instance: one.id }, body: { user: 'root' } }),
      dialog: () => import('./password.tsx'),
    },
    {
      id: 'migrate',
      title: () => migrationWords('migrate'),
      route: routes.instance.migrate,
      whyNot: whyNotMigrate,
      input: one => ({ params: { instance: one.id }, body: {} }),
      dialog: () => import('../migration/begin.tsx'),
    },
    move('recover'),
    move('delete', {
      danger: true,
      input: one => ({ params: { instance: one.id } }),
      confirm: { title: () => words('delete.title'), body: items => words('delete.body', namesOf(items)) },
    }),
    move('delete', {
      id: 'delete-keep',
      title: () => words('delete.keep'),
      danger: true,
      input: one => ({ params: { instance: one.id }, query: { keep_root: true } }),
      confirm: { title: () => words('delete.title'), body: items => words('delete.keep.body', namesOf(items)) },
    }),
    move('purge', {
      danger: true,
      leads_to: 'list',
      input: one => ({ params: { instance: one.id }, query: { purge: true } }),
      confirm: { title: () => words('purge.title'), body: items => words('purge.body', namesOf(items)) },
    }),
  ],
  tabs: [
    { id: 'overview', title: () => words('overview'), load: () => import('./overview.tsx') },
    {
      id: 'disks',
      title: () => words('disks'),
      load: () => import('./disks.tsx'),
      needs: routes.volume.list,
      calls: one => [{ route: routes.volume.list, input: { query: { instance_id: one.id } } }],
    },
    {
      id: 'nics',
      title: () => words('nics'),
      load: () => import('./nics.tsx'),
      needs: routes.port.list,
      calls: one => [{ route: routes.port.list, input: { query: { instance_id: one.id } } }],
    },
    {
      id: 'console',
      title: () => consoleWords('console'),
      load: () => import('../console/instance-console.tsx'),
      needs: routes.instance.console,
      calls: one => [
        { route: routes.instance.console, input: of(one) },
        { route: routes.console.list, input: of(one) },
      ],
    },
    {
      id: 'log',
      title: () => consoleWords('log'),
      load: () => import('../console/log.tsx'),
      needs: routes.instance.log,
      calls: one => [{ route: routes.instance.log, input: { ...of(one), query: { tail_bytes: 65_536 } } }],
    },
    {
      id: 'guest',
      title: () => words('tab.guest'),
      load: () => import('./guest.tsx'),
      needs: routes.instance.guest,
      calls: one => [{ route: routes.instance.guest, input: of(one) }],
    },
    { id: 'metrics', title: () => words('metrics'), load: () => import('./metrics.tsx') },
    { id: 'events', title: () => words('events'), load: () => import('./events.tsx'), needs: routes.event.list },
    {
      id: 'people',
      title: () => words('people'),
      load: () => import('./people.tsx'),
      // Who gives instances to people knows the people.
      needs: routes.user.list,
      calls: one => [{ route: routes['role-grant'].list, input: { query: { instance_id: one.id } } }],
    },
    {
      id: 'placement',
      title: () => words('placement'),
      load: () => import('./placement.tsx'),
      calls: one => [{ route: routes.instance.explain, input: of(one) }],
    },
  ],
  badge: one => <InstanceStateLabel instance={one} />,
  create: { route: routes.instance.create, title: () => words('create'), load: () => import('./create.tsx') },
  empty: () => words('empty'),
  // Asked for by state, whether deleted ones are among them is said by that.
  judge: (one, { deleted, state }) => ({
    deleted: (deleted === undefined && state !== undefined) || (deleted === 'true') === (one.deleted_at !== null),
  }),
})

const of = (one: Instance) => ({ params: { instance: one.id } })

function Addresses({ instance: { addresses } }: { instance: Instance }) {
  if (addresses.length === 0) return <>–</>
  return <span className="croft-mono">{addresses.map(one => one.floating_address ?? one.address).join(', ')}</span>
}
