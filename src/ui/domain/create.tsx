/** The form that makes a domain. */
import { routes } from '../api/routes.ts'
import { CreatePage } from '../parts/form.tsx'
import { domain } from './definition.tsx'
import { words } from './text.ts'

export default function CreateDomain() {
  return (
    <CreatePage
      noun={domain}
      route={routes.domain.create}
      fields={[
        { name: 'name', title: words('name'), kind: 'text' },
        {
          name: 'parent_id',
          title: words('parent'),
          kind: 'noun',
          from: routes.domain.list,
          query: { sort: 'name' },
          help: words('parent.help'),
        },
        { name: 'description', title: words('description'), kind: 'area' },
      ]}
    />
  )
}
