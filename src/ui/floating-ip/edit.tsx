/** Says what a floating address is for. */
import type { FloatingIp } from '../../api/floating-ip.ts'
import { routes } from '../api/routes.ts'
import { FormDialog } from '../parts/form.tsx'
import { words } from './text.ts'

export default function DescribeFloatingIp({ item, done }: { item: FloatingIp; done: () => void }) {
  return (
    <FormDialog
      title={words('edit.title', { address: item.address })}
      yes={words('save')}
      route={routes['floating-ip'].update}
      initial={{ description: item.description }}
      toInput={({ description }) => ({
        params: { floating_ip: item.id },
        if_match: item.version,
        body: { description: description ?? '' },
      })}
      fields={[{ name: 'description', title: words('description'), kind: 'text' }]}
      done={done}
    />
  )
}
