/** Renames a router. */
import type { Router } from '../../api/router.ts'
import { routes } from '../api/routes.ts'
import { FormDialog } from '../parts/form.tsx'
import { words } from './text.ts'

export default function RenameRouter({ item, done }: { item: Router; done: () => void }) {
  return (
    <FormDialog
      title={words('edit.title', { name: item.name })}
      yes={words('save')}
      route={routes.router.update}
      initial={{ name: item.name }}
      toInput={({ name }) => ({ params: { router: item.id }, if_match: item.version, body: { name } })}
      fields={[{ name: 'name', title: words('name'), kind: 'text', required: true }]}
      done={done}
    />
  )
}
