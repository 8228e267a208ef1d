/** The form that composes a role. */
import { routes } from '../api/routes.ts'
import { CreatePage } from '../parts/form.tsx'
import { role } from './definition.tsx'
import { roleFields } from './fields.tsx'

export default function CreateRole() {
  return (
    <CreatePage
      noun={role}
      route={routes.role.create}
      initial={{ permissions: [] }}
      fields={roleFields()}
      toInput={({ permissions, ...rest }) => ({ body: { ...withText(rest), permissions } })}
    />
  )
}

const withText = (values: Readonly<Record<string, unknown>>) =>
  Object.fromEntries(Object.entries(values).filter(([, value]) => value !== '' && value !== undefined))
