/** What a role permits. */
import { Alert, Card, CardBody, CardTitle } from '@patternfly/react-core'
import type { Role } from '../../api/role.ts'
import { Facts } from '../parts/facts.tsx'
import { Time } from '../parts/time.tsx'
import { PermissionGroups } from './permissions.tsx'
import { words } from './text.ts'

export default function RoleOverview({ item }: { item: Role }) {
  return (
    <div className="croft-stack">
      {item.built_in && <Alert isInline isPlain variant="info" title={words('built_in.why')} />}
      <Card>
        <CardBody>
          <Facts
            facts={[
              [words('description'), item.description || '–'],
              [words('created'), <Time key="created" at={item.created_at} />],
            ]}
          />
        </CardBody>
      </Card>
      <Card>
        <CardTitle component="h2">{words('permissions')}</CardTitle>
        <CardBody>
          {item.permissions.length === 0 ? (
            <p className="croft-muted">{words('none')}</p>
          ) : (
            <PermissionGroups chosen={item.permissions} />
          )}
        </CardBody>
      </Card>
    </div>
  )
}
