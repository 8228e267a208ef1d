/** What the forms that make and change an aggregate have alike. */
import { routes } from '../api/routes.ts'
import type { FormField } from '../parts/form-field.tsx'
import { words } from './text.ts'

export function aggregateFields(): FormField[] {
  return [
    { name: 'name', title: words('name'), kind: 'text', required: true },
    { name: 'description', title: words('description'), kind: 'text' },
    { name: 'metadata', title: words('metadata'), kind: 'tags', help: words('metadata.help') },
    {
      name: 'project_ids',
      title: words('projects'),
      kind: 'nouns',
      from: routes.project.list,
      query: { sort: 'name' },
      help: words('projects.help'),
    },
  ]
}
