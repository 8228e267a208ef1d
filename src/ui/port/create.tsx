/** The form that makes a port, for an instance to be made with it. */
import { useSearch } from '@tanstack/react-router'
import { routes } from '../api/routes.ts'
import { linesOf, textOf } from '../network/shared.ts'
import { CreatePage } from '../parts/form.tsx'
import type { Search } from '../shell/router.tsx'
import { port } from './definition.tsx'
import { guardFields, guardOf, rareFields } from './fields.ts'
import { words } from './text.ts'

export default function CreatePort() {
  const { network_id } = useSearch({ strict: false }) as Search
  return (
    <CreatePage
      noun={port}
      route={routes.port.create}
      initial={{ network_id, port_security: true }}
      toInput={values => {
        const fixed = linesOf(values.fixed_addresses)
        return {
          body: {
            network_id: values.network_id,
            name: textOf(values.name),
            mac: textOf(values.mac),
            ...(fixed.length > 0 && { fixed_addresses: fixed }),
            ...guardOf(values),
          },
        }
      }}
      fields={[
        {
          name: 'network_id',
          title: words('network'),
          kind: 'noun',
          from: routes.network.list,
          query: { sort: 'name', kind: 'overlay' },
          first: true,
        },
        { name: 'name', title: words('name'), kind: 'text' },
        { name: 'fixed_addresses', title: words('addresses'), kind: 'list', help: words('addresses.help') },
        ...guardFields(),
      ]}
      more={[{ name: 'mac', title: words('mac'), kind: 'text', help: words('mac.help') }, ...rareFields()]}
    />
  )
}
