/** Gives an address of an instance a floating address: one that the project has and does not use, or a new one. */
import type { FloatingIp } from '../../api/floating-ip.ts'
import type { Network } from '../../api/network.ts'
import type { Port } from '../../api/port.ts'
import { useChoices } from '../api/read.ts'
import { routes } from '../api/routes.ts'
import { FormDialog, type Values } from '../parts/form.tsx'
import { Loading } from '../parts/loading.tsx'
import { words } from '../port/text.ts'

export function GiveFloating({
  port,
  address,
  external,
  done,
}: {
  port: Port
  address: string
  external: readonly Network[]
  done: () => void
}) {
  const { data } = useChoices<FloatingIp>(routes['floating-ip'].list, {}, { follows: ['floating-ip'] })
  if (!data) return <Loading />
  const free = data.items.filter(one => one.port_id === null)
  return <Give port={port} address={address} external={external} free={free} done={done} />
}

function Give({
  port,
  address,
  external,
  free,
  done,
}: {
  port: Port
  address: string
  external: readonly Network[]
  free: readonly FloatingIp[]
  done: () => void
}) {
  const title = words('floating.add_to', { address })
  const target = { port_id: port.id, fixed_address: address }
  const [first] = free
  // What is there already first: it costs no quota.
  if (first)
    return (
      <FormDialog
        key="there"
        title={title}
        yes={words('floating.add')}
        route={routes['floating-ip'].update}
        initial={{ which: first.id }}
        toInput={({ which }) => ({ params: { floating_ip: which }, body: target })}
        fields={[
          {
            name: 'which',
            title: words('floating.which'),
            kind: 'choice',
            required: true,
            options: free.map(one => ({ value: one.id, title: one.address })),
          },
        ]}
        done={done}
      />
    )
  return (
    <FormDialog
      key="new"
      title={title}
      yes={words('floating.add')}
      route={routes['floating-ip'].create}
      initial={{ network_id: external[0]?.id }}
      toInput={({ network_id }: Values) => ({ body: { network_id, ...target } })}
      fields={[
        {
          name: 'network_id',
          title: words('floating.from'),
          kind: 'noun',
          required: true,
          from: routes.network.list,
          query: { kind: 'external' },
        },
      ]}
      done={done}
    />
  )
}
