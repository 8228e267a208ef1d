/** Aliases of PCI devices: names by which flavors ask for devices of hosts. */
import ChipIcon from '@patternfly/react-icons/dist/esm/icons/microchip-icon'
import type { PciAlias } from '../../api/pci-alias.ts'
import { routes } from '../api/routes.ts'
import { defineNoun } from '../noun/definition.ts'
import { createdColumn, deleting, nameColumn } from '../noun/usual.tsx'
import { words } from './text.ts'

export const pciAlias = defineNoun<PciAlias>({
  name: 'pci-alias',
  path: 'pci-aliases',
  area: 'operate',
  title: () => words('one'),
  titles: () => words('many'),
  icon: ChipIcon,
  list: routes['pci-alias'].list,
  default_sort: 'name',
  of_the_cloud: true,
  get: { route: routes['pci-alias'].get, param: 'pci_alias' },
  columns: [
    nameColumn(() => words('name')),
    { id: 'vendor', title: () => words('vendor'), cell: one => one.vendor ?? words('any') },
    { id: 'device', title: () => words('device'), cell: one => one.device ?? words('any') },
    { id: 'class', title: () => words('class'), cell: one => one.class ?? words('any') },
    { id: 'nic', title: () => words('nic'), cell: one => (one.is_nic ? words('nic.yes') : '–') },
    createdColumn(() => words('created')),
  ],
  actions: [deleting(words, routes['pci-alias'].delete, 'pci_alias')],
  tabs: [{ id: 'overview', title: () => words('overview'), load: () => import('./overview.tsx') }],
  create: { route: routes['pci-alias'].create, title: () => words('create'), load: () => import('./create.tsx') },
  empty: () => words('empty'),
})
