/** Renames a volume. */
import type { Volume } from '../../api/volume.ts'
import { routes } from '../api/routes.ts'
import { FormDialog } from '../parts/form.tsx'
import { words } from './text.ts'

export default function RenameVolume({ item, done }: { item: Volume; done: () => void }) {
  return (
    <FormDialog
      title={words('rename.of', { name: item.name })}
      yes={words('rename')}
      route={routes.volume.update}
      initial={{ name: item.name }}
      toInput={body => ({ params: { volume: item.id }, body, if_match: item.version })}
      fields={[{ name: 'name', title: words('name'), kind: 'text', required: true }]}
      done={done}
    />
  )
}
