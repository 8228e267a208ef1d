/** Renames and describes a domain. */
import type { Domain } from '../../api/domain.ts'
import { routes } from '../api/routes.ts'
import { FormDialog } from '../parts/form.tsx'
import { words as shared } from '../text/shared.ts'
import { words } from './text.ts'

export default function EditDomain({ item, done }: { item: Domain; done: () => void }) {
  return (
    <FormDialog
      title={words('edit')}
      yes={shared('save')}
      route={routes.domain.update}
      initial={{ name: item.name, description: item.description }}
      fields={[
        { name: 'name', title: words('name'), kind: 'text' },
        { name: 'description', title: words('description'), kind: 'area' },
      ]}
      toInput={body => ({ params: { domain: item.id }, if_match: item.version, body })}
      done={done}
    />
  )
}
