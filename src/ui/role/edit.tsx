/** Changes a composed role. */
import type { Role } from '../../api/role.ts'
import { routes } from '../api/routes.ts'
import { FormDialog } from '../parts/form.tsx'
import { words as shared } from '../text/shared.ts'
import { roleFields } from './fields.tsx'
import { words } from './text.ts'

export default function EditRole({ item, done }: { item: Role; done: () => void }) {
  const { name, description, permissions } = item
  return (
    <FormDialog
      title={words('edit')}
      yes={shared('save')}
      route={routes.role.update}
      initial={{ name, description, permissions }}
      fields={roleFields()}
      toInput={body => ({ params: { role: item.id }, if_match: item.version, body })}
      done={done}
    />
  )
}
