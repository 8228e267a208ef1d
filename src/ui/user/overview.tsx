/** What a user is, and the roles that it holds. */
import { Card, CardBody } from '@patternfly/react-core'
import type { User } from '../../api/user.ts'
import { PlaceName } from '../grant/names.tsx'
import { GrantTable } from '../grant/table.tsx'
import { Facts } from '../parts/facts.tsx'
import { Time } from '../parts/time.tsx'
import { mayIn, useSession } from '../session/session.ts'
import { UserState } from './state.tsx'
import { words } from './text.ts'

export default function UserOverview({ item }: { item: User }) {
  const session = useSession()
  const permission = 'user.manage'
  const why = mayIn(session, permission, item.domain_id) ? undefined : words('why_not.manage', { permission })
  return (
    <div className="croft-stack">
      <Card>
        <CardBody>
          <Facts
            facts={[
              [words('state'), <UserState key="state" user={item} />],
              [words('email'), item.email],
              [words('domain'), <PlaceName key="domain" noun="domain" id={item.domain_id} />],
              [
                words('default_project'),
                item.default_project_id ? (
                  <PlaceName key="project" noun="project" id={item.default_project_id} />
                ) : null,
              ],
              [words('created'), <Time key="created" at={item.created_at} />],
              item.id === session.user.id && ['', words('you')],
            ]}
          />
        </CardBody>
      </Card>
      <GrantTable about={{ user_id: item.id }} name={item.name} whyNot={why} />
    </div>
  )
}
