/** The form that makes a project. */
import { routes } from '../api/routes.ts'
import { CreatePage } from '../parts/form.tsx'
import { project } from './definition.tsx'
import { words } from './text.ts'

export default function CreateProject() {
  return (
    <CreatePage
      noun={project}
      route={routes.project.create}
      fields={[
        { name: 'name', title: words('name'), kind: 'text' },
        {
          name: 'domain_id',
          title: words('domain'),
          kind: 'noun',
          from: routes.domain.list,
          query: { sort: 'name' },
          empty: words('domain.own'),
        },
        { name: 'description', title: words('description'), kind: 'area' },
      ]}
    />
  )
}
