/** Images: what instances are made from. List, page, sharing, upload and import. */
import ImageIcon from '@patternfly/react-icons/dist/esm/icons/os-image-icon'
import type { Image } from '../../api/image.ts'
import { routes } from '../api/routes.ts'
import { type Action, defineNoun } from '../noun/definition.ts'
import { deleting, nameColumn } from '../noun/usual.tsx'
import { size, Time } from '../parts/time.tsx'
import { isOurs, visibilities, whyNotOurs, whyNotShared } from './shared.ts'
import { ImageStatusLabel } from './state.tsx'
import { words } from './text.ts'

function answer(status: 'accepted' | 'rejected'): Action<Image> {
  return {
    id: status,
    title: () => words(`answer.${status}`),
    route: routes.image.answer,
    whyNot: whyNotShared,
    input: one => ({ params: { image: one.id }, body: { status } }),
  }
}

export const image = defineNoun<Image>({
  name: 'image',
  path: 'images',
  area: 'storage',
  title: () => words('one'),
  titles: () => words('many'),
  icon: ImageIcon,
  list: routes.image.list,
  default_sort: 'name',
  get: { route: routes.image.get, param: 'image' },
  shared_between_projects: true,
  columns: [
    nameColumn(() => words('name')),
    {
      id: 'status',
      title: () => words('status'),
      cell: one => <ImageStatusLabel image={one} />,
      width: 'minmax(8rem, 1fr)',
    },
    { id: 'visibility', title: () => words('visibility'), cell: one => words(`visibility.${one.visibility}`) },
    { id: 'os', title: () => words('property.os'), cell: systemOf },
    { id: 'format', title: () => words('format'), cell: one => one.format ?? '–', hidden: true },
    { id: 'disk', title: () => words('disk'), cell: one => sizeOf(one.virtual_size_bytes), numeric: true },
    { id: 'size', title: () => words('size'), cell: one => sizeOf(one.size_bytes), numeric: true },
    { id: 'verified', title: () => words('signature'), cell: one => one.verified_by?.key ?? '–', hidden: true },
    {
      id: 'protected',
      title: () => words('protected'),
      cell: one => words(one.protected ? 'yes' : 'no'),
      hidden: true,
    },
    {
      id: 'created',
      title: () => words('created'),
      cell: one => <Time at={one.created_at} />,
      width: 'minmax(11rem, 1fr)',
    },
  ],
  filters: [
    {
      field: 'visibility',
      title: () => words('visibility'),
      kind: 'choice',
      options: visibilities.map(value => ({ value, title: () => words(`visibility.${value}`) })),
    },
    {
      field: 'status',
      title: () => words('status'),
      kind: 'choice',
      options: (['waiting', 'fetching', 'checking', 'ready', 'failed'] as const).map(value => ({
        value,
        title: () => words(`status.${value}`),
      })),
    },
    {
      field: 'member_status',
      title: () => words('offered'),
      kind: 'choice',
      options: (['pending', 'accepted', 'rejected'] as const).map(value => ({
        value,
        title: () => words(`member.${value}`),
      })),
    },
  ],
  actions: [
    {
      id: 'edit',
      title: () => words('edit'),
      route: routes.image.update,
      whyNot: whyNotOurs,
      input: one => ({ params: { image: one.id } }),
      primary: true,
      dialog: () => import('./edit.tsx'),
    },
    {
      id: 'share',
      title: () => words('share'),
      route: routes.image.share,
      whyNot: one =>
        one.visibility === 'public' || one.visibility === 'community'
          ? words('why_not.share', { visibility: words(`visibility.${one.visibility}`) })
          : whyNotOurs(one),
      input: one => ({ params: { image: one.id } }),
      dialog: () => import('./share.tsx'),
    },
    answer('accepted'),
    answer('rejected'),
    protection(true),
    protection(false),
    deleting(
      words,
      routes.image.delete,
      'image',
      one => whyNotOurs(one) ?? (one.protected ? words('why_not.protected') : undefined),
    ),
  ],
  tabs: [
    { id: 'overview', title: () => words('overview'), load: () => import('./overview.tsx') },
    {
      id: 'members',
      title: () => words('members'),
      load: () => import('./members.tsx'),
      calls: one => [{ route: routes.image.members, input: { params: { image: one.id } } }],
      when: one => one.visibility === 'shared' || isOurs(one),
    },
    { id: 'events', title: () => words('events'), load: () => import('./events.tsx'), needs: routes.event.list },
  ],
  badge: one => <ImageStatusLabel image={one} />,
  create: { route: routes.image.create, title: () => words('create'), load: () => import('./create.tsx') },
  empty: () => words('empty'),
})

function protection(on: boolean): Action<Image> {
  const id = on ? 'protect' : 'unprotect'
  return {
    id,
    title: () => words(id),
    route: routes.image.update,
    whyNot: one => whyNotOurs(one) ?? (one.protected === on ? words(`why_not.${id}`) : undefined),
    input: one => ({ params: { image: one.id }, body: { protected: on } }),
  }
}

function sizeOf(bytes: number | null): string {
  return bytes === null ? '–' : size(bytes)
}

function systemOf({ properties: { os, os_version } }: Image): string {
  return [os, os_version].filter(part => part !== undefined).join(' ') || '–'
}
