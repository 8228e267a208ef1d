/** The form that makes a network. External and shared ones are for those who may publish. */
import { routes } from '../api/routes.ts'
import { CreatePage } from '../parts/form.tsx'
import { useSession } from '../session/session.ts'
import { network } from './definition.tsx'
import { words } from './text.ts'

export default function CreateNetwork() {
  const publishes = useSession().permissions.system.includes('network.publish')
  return (
    <CreatePage
      noun={network}
      route={routes.network.create}
      initial={{ kind: 'overlay' }}
      fields={[
        { name: 'name', title: words('name'), kind: 'text' },
        {
          name: 'kind',
          title: words('kind'),
          kind: 'choice',
          required: true,
          help: words('kind.help'),
          options: (['overlay', 'external'] as const).map(value => ({ value, title: words(`kind.${value}`) })),
          when: () => publishes,
        },
        {
          name: 'physical_network',
          title: words('physical_network'),
          kind: 'text',
          required: true,
          help: words('physical_network.help'),
          when: values => values.kind === 'external',
        },
        {
          name: 'vlan',
          title: words('vlan'),
          kind: 'number',
          help: words('vlan.help'),
          when: values => values.kind === 'external',
        },
        {
          name: 'shared',
          title: words('shared'),
          kind: 'yes',
          help: words('shared.help'),
          when: () => publishes,
        },
      ]}
      more={[{ name: 'mtu', title: words('mtu'), kind: 'number', help: words('mtu.help') }]}
    />
  )
}
