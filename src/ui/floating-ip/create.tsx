/** The form that takes a floating address. */
import { useSearch } from '@tanstack/react-router'
import { routes } from '../api/routes.ts'
import { textOf } from '../network/shared.ts'
import { CreatePage } from '../parts/form.tsx'
import type { Search } from '../shell/router.tsx'
import { floatingIp } from './definition.tsx'
import { rareFields, targetFields, targetOf } from './fields.ts'
import { words } from './text.ts'

export default function CreateFloatingIp() {
  const { instance_id } = useSearch({ strict: false }) as Search
  return (
    <CreatePage
      noun={floatingIp}
      route={routes['floating-ip'].create}
      initial={{ instance_id }}
      toInput={values => ({
        body: {
          network_id: values.network_id,
          address: textOf(values.address),
          description: textOf(values.description),
          ...targetOf(values),
        },
      })}
      fields={[
        {
          name: 'network_id',
          title: words('network'),
          kind: 'noun',
          from: routes.network.list,
          query: { sort: 'name', kind: 'external' },
          first: true,
        },
        ...targetFields(),
        { name: 'description', title: words('description'), kind: 'text' },
      ]}
      more={[{ name: 'address', title: words('address'), kind: 'text', help: words('address.help') }, ...rareFields()]}
    />
  )
}
