/** The fields of an external gateway. */
import { routes } from '../api/routes.ts'
import type { FormField } from '../parts/form.tsx'
import { words } from './text.ts'

export const gatewayFields = (): FormField[] => [
  {
    name: 'external_network_id',
    title: words('external'),
    kind: 'noun',
    from: routes.network.list,
    query: { sort: 'name', kind: 'external' },
    help: words('external.help'),
  },
  {
    name: 'external_address',
    title: words('address'),
    kind: 'text',
    help: words('address.help'),
    when: values => Boolean(values.external_network_id),
  },
  {
    name: 'snat',
    title: words('snat'),
    kind: 'yes',
    help: words('snat.help'),
    when: values => Boolean(values.external_network_id),
  },
]
