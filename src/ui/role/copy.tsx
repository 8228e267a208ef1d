/** Composes a role beginning with another's permissions. */
import type { Role } from '../../api/role.ts'
import { routes } from '../api/routes.ts'
import { FormDialog, plainInput } from '../parts/form.tsx'
import { roleFields } from './fields.tsx'
import { words } from './text.ts'

export default function CopyRole({ item, done }: { item: Role; done: () => void }) {
  return (
    <FormDialog
      title={words('copy')}
      yes={words('create')}
      route={routes.role.create}
      initial={{ description: item.description, permissions: item.permissions }}
      fields={roleFields()}
      toInput={values => plainInput(values)}
      done={done}
    />
  )
}
