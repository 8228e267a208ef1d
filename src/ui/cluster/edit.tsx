/** Renames a cluster, or changes its overcommit. */
import type { Cluster } from '../../api/cluster.ts'
import { routes } from '../api/routes.ts'
import { FormDialog } from '../parts/form.tsx'
import { nameField, overcommitFields } from './fields.ts'
import { words } from './text.ts'

export default function EditCluster({ item, done }: { item: Cluster; done: () => void }) {
  const { name, cpu_overcommit, memory_overcommit, ha_failures_tolerated } = item
  return (
    <FormDialog
      title={words('edit.of', { name })}
      yes={words('save')}
      route={routes.cluster.update}
      initial={{ name, cpu_overcommit, memory_overcommit, ha_failures_tolerated }}
      toInput={body => ({ params: { cluster: item.id }, body })}
      fields={[{ ...nameField(), required: true }, ...overcommitFields()]}
      done={done}
    />
  )
}
