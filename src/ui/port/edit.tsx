/** Changes a port: its name, its groups, what it may send, and whether anything passes. */
import type { Port } from '../../api/port.ts'
import { routes } from '../api/routes.ts'
import { FormDialog } from '../parts/form.tsx'
import { labelOfPort } from './definition.tsx'
import { guardFields, guardOf, rareFields } from './fields.ts'
import { words } from './text.ts'

export default function EditPort({ item, done }: { item: Port; done: () => void }) {
  const { name, security_groups, port_security, allowed_address_pairs, admin_up } = item
  return (
    <FormDialog
      title={words('edit.title', { name: labelOfPort(item) })}
      yes={words('save')}
      route={routes.port.update}
      initial={{
        ...{ name, security_groups, port_security, admin_up },
        pairs: allowed_address_pairs.map(one => [one.address, one.mac].filter(Boolean).join(' ')),
      }}
      toInput={values => ({
        params: { port: item.id },
        if_match: item.version,
        body: { name: values.name, admin_up: values.admin_up === true, ...guardOf(values) },
      })}
      fields={[
        { name: 'name', title: words('name'), kind: 'text' },
        ...guardFields(),
        { name: 'admin_up', title: words('admin_up'), kind: 'yes', help: words('admin_up.help') },
        ...rareFields(),
      ]}
      done={done}
    />
  )
}
