/** Shares an image with a project: one of those that one sees, or any by its id. */
import type { Image } from '../../api/image.ts'
import { routes } from '../api/routes.ts'
import { FormDialog } from '../parts/form.tsx'
import { words } from './text.ts'

export default function ShareImage({ item, done }: { item: Image; done: () => void }) {
  return (
    <FormDialog
      title={words('share.of', { name: item.name })}
      yes={words('share')}
      route={routes.image.share}
      toInput={({ project_id, other }) => ({
        params: { image: item.id },
        body: { project_id: typeof other === 'string' && other.trim() !== '' ? other.trim() : project_id },
      })}
      fields={[
        {
          name: 'project_id',
          title: words('project'),
          kind: 'noun',
          from: routes.project.list,
          query: { sort: 'name' },
          only: one => one.id !== item.project_id,
          required: false,
        },
        { name: 'other', title: words('project.id'), kind: 'text', help: words('project.id.help') },
      ]}
      done={done}
    />
  )
}
