/** Changes a user's name, e-mail address and default project. */
import type { User } from '../../api/user.ts'
import { routes } from '../api/routes.ts'
import { FormDialog } from '../parts/form.tsx'
import { words as shared } from '../text/shared.ts'
import { words } from './text.ts'

export default function EditUser({ item, done }: { item: User; done: () => void }) {
  return (
    <FormDialog
      title={words('edit')}
      yes={shared('save')}
      route={routes.user.update}
      initial={{ name: item.name, email: item.email ?? '', default_project_id: item.default_project_id ?? undefined }}
      fields={[
        { name: 'name', title: words('name'), kind: 'text' },
        { name: 'email', title: words('email'), kind: 'text' },
        {
          name: 'default_project_id',
          title: words('default_project'),
          kind: 'noun',
          from: routes.project.list,
          query: { sort: 'name' },
          help: words('default_project.help'),
        },
      ]}
      toInput={({ name, email, default_project_id }) => ({
        params: { user: item.id },
        if_match: item.version,
        body: {
          name,
          email: email || null,
          // Not named unless it changes: one may have a default that the administrator does not see.
          ...((default_project_id ?? null) !== item.default_project_id && {
            default_project_id: default_project_id ?? null,
          }),
        },
      })}
      done={done}
    />
  )
}
