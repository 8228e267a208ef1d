/** Renames a zone, or moves it to another region. */
import type { Zone } from '../../api/zone.ts'
import { routes } from '../api/routes.ts'
import { FormDialog } from '../parts/form.tsx'
import { words } from './text.ts'

export default function EditZone({ item, done }: { item: Zone; done: () => void }) {
  return (
    <FormDialog
      title={words('edit')}
      yes={words('save')}
      route={routes.zone.update}
      initial={{ name: item.name, region_id: item.region_id }}
      toInput={body => ({ params: { zone: item.id }, body })}
      fields={[
        { name: 'name', title: words('name'), kind: 'text', required: true },
        {
          name: 'region_id',
          title: words('region'),
          kind: 'noun',
          required: true,
          from: routes.region.list,
          query: { sort: 'name' },
        },
      ]}
      done={done}
    />
  )
}
