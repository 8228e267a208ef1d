/** Adds a subnet to a network, and changes one. */
import type { Network } from '../../api/network.ts'
import type { Subnet } from '../../api/subnet.ts'
import { routes } from '../api/routes.ts'
import { words } from '../network/text.ts'
import { FormDialog } from '../parts/form.tsx'
import { bodyOf, newOf, rareFields, subnetFields, valuesOf, wayOutFields } from './fields.ts'

export function AddSubnet({ network, done }: { network: Network; done: () => void }) {
  return (
    <FormDialog
      title={words('subnet.create')}
      yes={words('subnet.create')}
      route={routes.subnet.create}
      initial={{ name: `${network.name}-${network.subnets.length + 1}`, dhcp: true }}
      toInput={values => ({ body: newOf(values, network.id) })}
      fields={[
        ...subnetFields(),
        ...wayOutFields(),
        ...rareFields().filter(one => one.name !== 'dhcp' || network.kind === 'overlay'),
      ]}
      done={done}
    />
  )
}

export function EditSubnet({ item, done }: { item: Subnet; done: () => void }) {
  const [name] = subnetFields()
  return (
    <FormDialog
      title={words('edit.title', { name: item.name })}
      yes={words('save')}
      route={routes.subnet.update}
      initial={valuesOf(item)}
      toInput={values => ({ params: { subnet: item.id }, if_match: item.version, body: bodyOf(values) })}
      fields={[...(name ? [name] : []), ...wayOutFields(), ...rareFields()]}
      done={done}
    />
  )
}
