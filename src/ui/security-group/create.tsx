/** The form that makes a security group; its rules come on its page. */
import { routes } from '../api/routes.ts'
import { CreatePage } from '../parts/form.tsx'
import { securityGroup } from './definition.tsx'
import { words } from './text.ts'

export default function CreateSecurityGroup() {
  return (
    <CreatePage
      noun={securityGroup}
      route={routes['security-group'].create}
      fields={[
        { name: 'name', title: words('name'), kind: 'text' },
        { name: 'description', title: words('description'), kind: 'text' },
      ]}
    />
  )
}
