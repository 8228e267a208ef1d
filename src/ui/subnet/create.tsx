/** The form that makes a subnet. */
import { useSearch } from '@tanstack/react-router'
import { routes } from '../api/routes.ts'
import { words } from '../network/text.ts'
import { CreatePage } from '../parts/form.tsx'
import type { Search } from '../shell/router.tsx'
import { subnet } from './definition.tsx'
import { newOf, rareFields, subnetFields, wayOutFields } from './fields.ts'

export default function CreateSubnet() {
  const { network_id } = useSearch({ strict: false }) as Search
  return (
    <CreatePage
      noun={subnet}
      route={routes.subnet.create}
      initial={{ dhcp: true, network_id }}
      toInput={values => ({ body: newOf(values, values.network_id) })}
      fields={[
        {
          name: 'network_id',
          title: words('one'),
          kind: 'noun',
          from: routes.network.list,
          query: { sort: 'name' },
        },
        ...subnetFields(),
        ...wayOutFields(),
      ]}
      more={rareFields()}
    />
  )
}
