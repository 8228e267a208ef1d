/** Renames a region. */
import type { Region } from '../../api/region.ts'
import { routes } from '../api/routes.ts'
import { FormDialog } from '../parts/form.tsx'
import { words } from './text.ts'

export default function EditRegion({ item, done }: { item: Region; done: () => void }) {
  return (
    <FormDialog
      title={words('edit')}
      yes={words('save')}
      route={routes.region.update}
      initial={{ name: item.name }}
      toInput={body => ({ params: { region: item.id }, body })}
      fields={[{ name: 'name', title: words('name'), kind: 'text', required: true }]}
      done={done}
    />
  )
}
