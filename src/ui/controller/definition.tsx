/** Controllers: which there are, of which version, and how many hosts each has; they are no things with pages. */
import ControllerIcon from '@patternfly/react-icons/dist/esm/icons/cogs-icon'
import type { Controller } from '../../api/controller.ts'
import { routes } from '../api/routes.ts'
import { defineNoun } from '../noun/definition.ts'
import { StateLabel } from '../parts/state.tsx'
import { number, Time } from '../parts/time.tsx'
import { words } from './text.ts'

const tones = { running: 'good', silent: 'bad' } as const

export const controller = defineNoun<Controller>({
  name: 'controller',
  path: 'controllers',
  area: 'operate',
  title: () => words('one'),
  titles: () => words('many'),
  icon: ControllerIcon,
  list: routes.controller.list,
  default_sort: 'name',
  // They come and go with the links of hosts.
  follows: ['host'],
  not_searched: true,
  of_the_cloud: true,
  columns: [
    { id: 'name', title: () => words('name'), cell: one => one.name, sort: 'name', width: 'minmax(10rem, 1fr)' },
    {
      id: 'state',
      title: () => words('state'),
      cell: one => <StateLabel tone={tones[one.state]}>{words(`state.${one.state}`)}</StateLabel>,
    },
    { id: 'version', title: () => words('version'), cell: one => one.version },
    { id: 'hosts', title: () => words('hosts'), cell: one => number(one.hosts), numeric: true },
    {
      id: 'leads',
      title: () => words('leads'),
      cell: one => one.leads.map(what => words.maybe(`leads.${what}`) ?? what).join(', '),
      width: 'minmax(8rem, 1fr)',
    },
    { id: 'agent_url', title: () => words('agent_url'), cell: one => one.agent_url, width: 'minmax(12rem, 1fr)' },
    { id: 'silent_from', title: () => words('silent_from'), cell: one => <Time at={one.silent_from} />, hidden: true },
  ],
  empty: () => words('empty'),
})
