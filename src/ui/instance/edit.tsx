/** Changes an instance's name and tags. */
import type { Instance } from '../../api/instance.ts'
import { routes } from '../api/routes.ts'
import { FormDialog } from '../parts/form.tsx'
import { words as shared } from '../text/shared.ts'
import { words } from './text.ts'

export default function EditInstance({ item, done }: { item: Instance; done: () => void }) {
  return (
    <FormDialog
      title={words('edit.of', { name: item.name })}
      yes={shared('save')}
      route={routes.instance.update}
      initial={{ name: item.name, tags: item.tags }}
      toInput={({ name, tags }) => ({ params: { instance: item.id }, if_match: item.version, body: { name, tags } })}
      fields={[
        { name: 'name', title: words('name'), kind: 'text', required: true },
        { name: 'tags', title: words('tags'), kind: 'tags' },
      ]}
      done={done}
    />
  )
}
