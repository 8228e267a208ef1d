/** Renames and describes a project. */
import type { Project } from '../../api/project.ts'
import { routes } from '../api/routes.ts'
import { FormDialog } from '../parts/form.tsx'
import { words as shared } from '../text/shared.ts'
import { words } from './text.ts'

export default function EditProject({ item, done }: { item: Project; done: () => void }) {
  return (
    <FormDialog
      title={words('edit')}
      yes={shared('save')}
      route={routes.project.update}
      initial={{ name: item.name, description: item.description }}
      fields={[
        { name: 'name', title: words('name'), kind: 'text' },
        { name: 'description', title: words('description'), kind: 'area' },
      ]}
      toInput={body => ({ params: { project: item.id }, if_match: item.version, body })}
      done={done}
    />
  )
}
