/** Puts hosts into an aggregate. */
import type { Aggregate } from '../../api/aggregate.ts'
import { routes } from '../api/routes.ts'
import { FormDialog } from '../parts/form.tsx'
import { words } from './text.ts'

export default function AddHosts({ item, done }: { item: Aggregate; done: () => void }) {
  return (
    <FormDialog
      title={words('add.of', { name: item.name })}
      yes={words('add')}
      route={routes.aggregate.addHosts}
      toInput={body => ({ params: { aggregate: item.id }, body })}
      fields={[
        {
          name: 'host_ids',
          title: words('hosts'),
          kind: 'nouns',
          from: routes.host.list,
          query: { sort: 'name' },
          required: true,
        },
      ]}
      done={done}
    />
  )
}
