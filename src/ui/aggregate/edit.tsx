/** Changes what an aggregate says, and whom it is for. */
import type { Aggregate } from '../../api/aggregate.ts'
import { routes } from '../api/routes.ts'
import { FormDialog } from '../parts/form.tsx'
import { aggregateFields } from './fields.ts'
import { words } from './text.ts'

export default function EditAggregate({ item, done }: { item: Aggregate; done: () => void }) {
  const { name, description, metadata, project_ids } = item
  return (
    <FormDialog
      title={words('edit.of', { name })}
      yes={words('save')}
      route={routes.aggregate.update}
      initial={{ name, description, metadata, project_ids }}
      toInput={body => ({ params: { aggregate: item.id }, body, if_match: item.version })}
      fields={aggregateFields()}
      done={done}
    />
  )
}
