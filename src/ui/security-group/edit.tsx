/** Renames or describes a security group. */
import type { SecurityGroup } from '../../api/security-group.ts'
import { routes } from '../api/routes.ts'
import { FormDialog } from '../parts/form.tsx'
import { words } from './text.ts'

export default function EditSecurityGroup({ item, done }: { item: SecurityGroup; done: () => void }) {
  return (
    <FormDialog
      title={words('edit.title', { name: item.name })}
      yes={words('save')}
      route={routes['security-group'].update}
      initial={{ name: item.name, description: item.description }}
      toInput={({ name, description }) => ({
        params: { security_group: item.id },
        if_match: item.version,
        body: { name, description: description ?? '' },
      })}
      fields={[
        // The default group keeps its name.
        { name: 'name', title: words('name'), kind: 'text', when: () => !item.is_default },
        { name: 'description', title: words('description'), kind: 'text' },
      ]}
      done={done}
    />
  )
}
