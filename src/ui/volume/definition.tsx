/** Volumes: disks of instances, and those that outlive them. */
import VolumeIcon from '@patternfly/react-icons/dist/esm/icons/hdd-icon'
import type { Volume } from '../../api/volume.ts'
import { routes } from '../api/routes.ts'
import { type Action, defineNoun } from '../noun/definition.ts'
import { ThingLink } from '../parts/link.tsx'
import { size, Time } from '../parts/time.tsx'
import { VolumeStateLabel } from './state.tsx'
import { words } from './text.ts'

const namesOf = (items: readonly Volume[]) => ({ names: items.map(one => one.name).join(', ') })

/** As the controller says it (app/volume.ts): what goes with its instance cannot be kept, what no instance has stays anyway. */
function whyNotKept(one: Volume): string | undefined {
  if (one.state === 'deleting') return words('why_not.deleting')
  if (one.role === 'ephemeral' || one.role === 'swap') return words('why_not.keep_role')
  return one.instance_id === null ? words('why_not.keep_free') : undefined
}

function keep(on: boolean): Action<Volume> {
  const id = on ? 'keep' : 'let_go'
  return {
    id,
    title: () => words(id),
    route: routes.volume.update,
    whyNot: one => whyNotKept(one) ?? (one.keep === on ? words(`why_not.${id}`) : undefined),
    input: one => ({ params: { volume: one.id }, body: { keep: on } }),
  }
}

export const volume = defineNoun<Volume>({
  name: 'volume',
  path: 'volumes',
  area: 'storage',
  title: () => words('one'),
  titles: () => words('many'),
  icon: VolumeIcon,
  list: routes.volume.list,
  default_sort: 'name',
  get: { route: routes.volume.get, param: 'volume' },
  columns: [
    { id: 'name', title: () => words('name'), cell: one => one.name, sort: 'name', width: 'minmax(8.5rem, 2fr)' },
    {
      id: 'state',
      title: () => words('state'),
      cell: one => <VolumeStateLabel volume={one} />,
      width: 'minmax(7.5rem, 1fr)',
    },
    { id: 'size', title: () => words('size'), cell: one => size(one.size_mib, 'MiB'), numeric: true },
    { id: 'role', title: () => words('role'), cell: one => words(`role.${one.role}`) },
    {
      id: 'instance',
      title: () => words('instance'),
      cell: one => (
        <ThingLink noun="instance" id={one.instance_id}>
          {one.instance}
        </ThingLink>
      ),
    },
    { id: 'keep', title: () => words('keep.short'), cell: keptText, width: 'minmax(11rem, 1fr)' },
    {
      id: 'host',
      title: () => words('host'),
      cell: one => (
        <ThingLink noun="host" id={one.host_id}>
          {one.host}
        </ThingLink>
      ),
    },
    { id: 'bus', title: () => words('bus'), cell: one => one.bus, hidden: true },
    { id: 'created', title: () => words('created'), cell: one => <Time at={one.created_at} />, hidden: true },
  ],
  filters: [
    {
      field: 'state',
      title: () => words('state'),
      kind: 'choice',
      options: (['available', 'in-use', 'deleting'] as const).map(value => ({
        value,
        title: () => words(`state.${value}`),
      })),
    },
    {
      field: 'role',
      title: () => words('role'),
      kind: 'choice',
      options: (['root', 'ephemeral', 'swap', 'data'] as const).map(value => ({
        value,
        title: () => words(`role.${value}`),
      })),
    },
    { field: 'instance_id', title: () => words('instance'), kind: 'noun', noun: 'instance' },
    { field: 'image_id', title: () => words('image'), kind: 'noun', noun: 'image' },
  ],
  actions: [
    {
      id: 'rename',
      title: () => words('rename'),
      route: routes.volume.update,
      whyNot: one => (one.state === 'deleting' ? words('why_not.deleting') : undefined),
      input: one => ({ params: { volume: one.id } }),
      primary: true,
      dialog: () => import('./rename.tsx'),
    },
    keep(true),
    keep(false),
    {
      id: 'delete',
      title: () => words('delete'),
      route: routes.volume.delete,
      whyNot: one =>
        one.state === 'in-use'
          ? words('why_not.delete', { instance: one.instance ?? '' })
          : one.state === 'deleting'
            ? words('why_not.deleting')
            : undefined,
      input: one => ({ params: { volume: one.id } }),
      confirm: { title: () => words('delete.title'), body: items => words('delete.body', namesOf(items)) },
      danger: true,
      leads_to: 'list',
    },
  ],
  tabs: [
    { id: 'overview', title: () => words('overview'), load: () => import('./overview.tsx') },
    { id: 'events', title: () => words('events'), load: () => import('./events.tsx'), needs: routes.event.list },
  ],
  badge: one => <VolumeStateLabel volume={one} />,
  create: { route: routes.volume.create, title: () => words('create'), load: () => import('./create.tsx') },
  empty: () => words('empty'),
})

export function keptText({ instance_id, keep }: Volume): string {
  if (instance_id === null) return '–'
  return words(keep ? 'keep.yes' : 'keep.no')
}
