/** Renames or describes an instance group; its policy stays. */
import type { InstanceGroup } from '../../api/instance-group.ts'
import { routes } from '../api/routes.ts'
import { FormDialog } from '../parts/form.tsx'
import { words } from './text.ts'

export default function EditInstanceGroup({ item, done }: { item: InstanceGroup; done: () => void }) {
  return (
    <FormDialog
      title={words('edit.title', { name: item.name })}
      yes={words('save')}
      route={routes['instance-group'].update}
      initial={{ name: item.name, description: item.description }}
      toInput={({ name, description }) => ({
        params: { instance_group: item.id },
        if_match: item.version,
        body: { name, description: description ?? '' },
      })}
      fields={[
        { name: 'name', title: words('name'), kind: 'text' },
        { name: 'description', title: words('description'), kind: 'text' },
      ]}
      done={done}
    />
  )
}
