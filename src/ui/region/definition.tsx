/** Regions: places far apart, with zones. */
import RegionIcon from '@patternfly/react-icons/dist/esm/icons/globe-icon'
import type { Region } from '../../api/region.ts'
import { routes } from '../api/routes.ts'
import { defineNoun } from '../noun/definition.ts'
import { createdColumn, deleting, nameColumn } from '../noun/usual.tsx'
import { words } from './text.ts'

export const region = defineNoun<Region>({
  name: 'region',
  path: 'regions',
  area: 'operate',
  title: () => words('one'),
  titles: () => words('many'),
  icon: RegionIcon,
  list: routes.region.list,
  listed_for: routes.region.create,
  default_sort: 'name',
  get: { route: routes.region.get, param: 'region' },
  columns: [nameColumn(() => words('name')), createdColumn(() => words('created'), false)],
  actions: [
    {
      id: 'edit',
      title: () => words('edit'),
      route: routes.region.update,
      input: one => ({ params: { region: one.id } }),
      primary: true,
      dialog: () => import('./edit.tsx'),
    },
    deleting(words, routes.region.delete, 'region'),
  ],
  tabs: [{ id: 'overview', title: () => words('overview'), load: () => import('./overview.tsx') }],
  create: { route: routes.region.create, title: () => words('create'), load: () => import('./create.tsx') },
  empty: () => words('empty'),
})
