/** Puts a floating address in front of an instance or a port. */
import type { FloatingIp } from '../../api/floating-ip.ts'
import { routes } from '../api/routes.ts'
import { FormDialog } from '../parts/form.tsx'
import { rareFields, targetFields, targetOf } from './fields.ts'
import { words } from './text.ts'

export default function Associate({ item, done }: { item: FloatingIp; done: () => void }) {
  return (
    <FormDialog
      title={words('associate.title', { address: item.address })}
      yes={words('associate.yes')}
      route={routes['floating-ip'].update}
      toInput={values => ({ params: { floating_ip: item.id }, if_match: item.version, body: targetOf(values) })}
      fields={[...targetFields(), ...rareFields()]}
      done={done}
    />
  )
}
