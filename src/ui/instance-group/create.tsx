/** The form that makes an instance group. */
import { groupPolicies } from '../../model/instance-group.ts'
import { routes } from '../api/routes.ts'
import { CreatePage } from '../parts/form.tsx'
import { instanceGroup } from './definition.tsx'
import { words } from './text.ts'

export default function CreateInstanceGroup() {
  return (
    <CreatePage
      noun={instanceGroup}
      route={routes['instance-group'].create}
      initial={{ policy: 'soft-anti-affinity' }}
      fields={[
        { name: 'name', title: words('name'), kind: 'text' },
        {
          name: 'policy',
          title: words('policy'),
          kind: 'choice',
          help: words('policy.help'),
          options: groupPolicies.map(value => ({ value, title: words(`policy.${value}`) })),
        },
        { name: 'description', title: words('description'), kind: 'text' },
      ]}
    />
  )
}
