/** Zones: places that fail apart from each other. Everyone may know their names; operators have their pages in the menu. */
import ZoneIcon from '@patternfly/react-icons/dist/esm/icons/map-marker-icon'
import type { Zone } from '../../api/zone.ts'
import { routes } from '../api/routes.ts'
import { defineNoun } from '../noun/definition.ts'
import { createdColumn, deleting, nameColumn } from '../noun/usual.tsx'
import { NameOf } from '../parts/name-of.tsx'
import { words as settingWords } from '../setting/text.ts'
import { StormState } from './storm.tsx'
import { words } from './text.ts'

export const zone = defineNoun<Zone>({
  name: 'zone',
  path: 'zones',
  area: 'operate',
  title: () => words('one'),
  titles: () => words('many'),
  icon: ZoneIcon,
  list: routes.zone.list,
  listed_for: routes.zone.create,
  default_sort: 'name',
  get: { route: routes.zone.get, param: 'zone' },
  columns: [
    nameColumn(() => words('name')),
    { id: 'region', title: () => words('region'), cell: one => <NameOf noun="region" id={one.region_id} /> },
    {
      id: 'storm',
      title: () => words('storm'),
      cell: one => <StormState zone={one} />,
      width: 'minmax(11rem, 1fr)',
    },
    createdColumn(() => words('created'), false),
  ],
  filters: [{ field: 'region_id', title: () => words('region'), kind: 'noun', noun: 'region' }],
  actions: [
    {
      id: 'edit',
      title: () => words('edit'),
      route: routes.zone.update,
      input: one => ({ params: { zone: one.id } }),
      primary: true,
      dialog: () => import('./edit.tsx'),
    },
    deleting(words, routes.zone.delete, 'zone'),
  ],
  tabs: [
    { id: 'overview', title: () => words('overview'), load: () => import('./overview.tsx') },
    {
      id: 'settings',
      title: () => settingWords('title'),
      load: () => import('../setting/tab.tsx').then(tabs => ({ default: tabs.ZoneSettings })),
      needs: { level: 'system', needs: 'setting.read' },
    },
  ],
  create: { route: routes.zone.create, title: () => words('create'), load: () => import('./create.tsx') },
  empty: () => words('empty'),
})
