/** The form that makes a router. */
import { routes } from '../api/routes.ts'
import { textOf } from '../network/shared.ts'
import { CreatePage } from '../parts/form.tsx'
import { router } from './definition.tsx'
import { gatewayFields } from './fields.ts'
import { words } from './text.ts'

export default function CreateRouter() {
  return (
    <CreatePage
      noun={router}
      route={routes.router.create}
      initial={{ snat: true }}
      toInput={({ name, external_network_id, external_address, snat }) => ({
        body: {
          name,
          ...(external_network_id
            ? { external_network_id, external_address: textOf(external_address), snat: snat === true }
            : {}),
        },
      })}
      fields={[
        { name: 'name', title: words('name'), kind: 'text' },
        ...gatewayFields().map(field => (field.kind === 'noun' ? { ...field, first: true } : field)),
      ]}
    />
  )
}
