/** The form that makes a user. */
import { routes } from '../api/routes.ts'
import { CreatePage } from '../parts/form.tsx'
import { user } from './definition.tsx'
import { words } from './text.ts'

export default function CreateUser() {
  return (
    <CreatePage
      noun={user}
      route={routes.user.create}
      fields={[
        { name: 'name', title: words('name'), kind: 'text' },
        { name: 'password', title: words('password'), kind: 'password', help: words('password.help') },
        { name: 'email', title: words('email'), kind: 'text' },
      ]}
      more={[
        {
          name: 'domain_id',
          title: words('domain'),
          kind: 'noun',
          from: routes.domain.list,
          query: { sort: 'name' },
          empty: words('domain.own'),
        },
        {
          name: 'default_project_id',
          title: words('default_project'),
          kind: 'noun',
          from: routes.project.list,
          query: { sort: 'name' },
          help: words('default_project.help'),
        },
      ]}
    />
  )
}
