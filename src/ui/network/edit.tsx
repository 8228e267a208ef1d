/** Changes a network. */
import type { Network } from '../../api/network.ts'
import { routes } from '../api/routes.ts'
import { FormDialog } from '../parts/form.tsx'
import { useSession } from '../session/session.ts'
import { words } from './text.ts'

export default function EditNetwork({ item, done }: { item: Network; done: () => void }) {
  const publishes = useSession().permissions.system.includes('network.publish')
  return (
    <FormDialog
      title={words('edit.title', { name: item.name })}
      yes={words('save')}
      route={routes.network.update}
      initial={{ name: item.name, mtu: item.mtu, shared: item.shared }}
      toInput={({ name, mtu, shared }) => ({
        params: { network: item.id },
        if_match: item.version,
        body: { name, mtu, ...(shared !== item.shared && { shared }) },
      })}
      fields={[
        { name: 'name', title: words('name'), kind: 'text' },
        { name: 'mtu', title: words('mtu'), kind: 'number' },
        {
          name: 'shared',
          title: words('shared'),
          kind: 'yes',
          help: words('shared.help'),
          when: () => publishes,
        },
      ]}
      done={done}
    />
  )
}
