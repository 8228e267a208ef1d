/** The form that makes a cluster. */
import { routes } from '../api/routes.ts'
import { CreatePage } from '../parts/form.tsx'
import { cluster } from './definition.tsx'
import { nameField, overcommitFields } from './fields.ts'
import { words } from './text.ts'

export default function CreateCluster() {
  return (
    <CreatePage
      noun={cluster}
      route={routes.cluster.create}
      fields={[
        nameField(),
        {
          name: 'zone_id',
          title: words('zone'),
          kind: 'noun',
          from: routes.zone.list,
          query: { sort: 'name' },
          first: true,
        },
      ]}
      more={overcommitFields()}
    />
  )
}
