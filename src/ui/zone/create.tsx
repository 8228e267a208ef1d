/** The form that makes a zone. */
import { routes } from '../api/routes.ts'
import { CreatePage } from '../parts/form.tsx'
import { zone } from './definition.tsx'
import { words } from './text.ts'

export default function CreateZone() {
  return (
    <CreatePage
      noun={zone}
      route={routes.zone.create}
      fields={[
        { name: 'name', title: words('name'), kind: 'text', help: words('name.help') },
        {
          name: 'region_id',
          title: words('region'),
          kind: 'noun',
          from: routes.region.list,
          query: { sort: 'name' },
          first: true,
        },
      ]}
    />
  )
}
