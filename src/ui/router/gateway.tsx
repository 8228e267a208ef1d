/** Sets a router's way outside, or takes it away. */
import type { Router } from '../../api/router.ts'
import { routes } from '../api/routes.ts'
import { textOf } from '../network/shared.ts'
import { FormDialog } from '../parts/form.tsx'
import { gatewayFields } from './fields.ts'
import { words } from './text.ts'

export default function SetGateway({ item, done }: { item: Router; done: () => void }) {
  return (
    <FormDialog
      title={`${words('gateway')}: ${item.name}`}
      yes={words('save')}
      route={routes.router.update}
      initial={{ external_network_id: item.external_network_id ?? undefined, snat: item.snat }}
      toInput={({ external_network_id, external_address, snat }) => ({
        params: { router: item.id },
        if_match: item.version,
        body: external_network_id
          ? { external_network_id, external_address: textOf(external_address), snat: snat === true }
          : { external_network_id: null },
      })}
      fields={gatewayFields()}
      done={done}
    />
  )
}
