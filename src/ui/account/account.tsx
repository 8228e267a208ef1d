/** Who one is, what one may do, and one's own password and keys. */
import { Card, CardBody, CardTitle, Title } from '@patternfly/react-core'
import { routes } from '../api/routes.ts'
import { PlaceName } from '../grant/names.tsx'
import { ApiCallButton } from '../parts/api-call.tsx'
import { DialogButton } from '../parts/dialog-button.tsx'
import { Facts } from '../parts/facts.tsx'
import { To } from '../parts/link.tsx'
import { NameOf } from '../parts/name-of.tsx'
import { SimpleTable } from '../parts/simple-table.tsx'
import { Time } from '../parts/time.tsx'
import { useTitle } from '../parts/use-title.ts'
import { useSession } from '../session/session.ts'
import SetPassword from '../user/password.tsx'
import { words } from './text.ts'

export default function AccountPage() {
  const { user, project, expires_at, roles } = useSession()
  useTitle(words('title'))
  return (
    <div className="croft-stack">
      <header className="croft-head">
        <Title headingLevel="h1">{words('title')}</Title>
        <div className="croft-head-actions">
          <DialogButton
            title={words('password')}
            route={routes.user.password}
            dialog={done => <SetPassword item={user} done={done} />}
          />
          <ApiCallButton
            calls={() => [
              { route: routes.session.get, input: {} },
              {
                route: routes.user.password,
                input: { params: { user: user.id }, body: { password: '…', old_password: '…' } },
              },
            ]}
          />
        </div>
      </header>
      <Card>
        <CardBody>
          <Facts
            facts={[
              [words('user'), user.name],
              [words('domain'), <PlaceName key="domain" noun="domain" id={user.domain_id} />],
              [words('project'), project?.name],
              [words('until'), expires_at ? <Time key="until" at={expires_at} /> : words('until.never')],
            ]}
          />
        </CardBody>
      </Card>
      <Card>
        <CardTitle component="h2">{words('roles')}</CardTitle>
        <CardBody>
          <SimpleTable
            label={words('roles')}
            items={roles}
            keyOf={one => `${one.role} ${one.domain_id} ${one.project_id} ${one.instance_id}`}
            empty={words('roles.none')}
            columns={[
              { title: words('role'), cell: one => one.role },
              {
                title: words('where'),
                cell: one =>
                  one.scope === 'system' ? (
                    words('in.system')
                  ) : (
                    <>
                      {words(`in.${one.scope}`)}{' '}
                      {one.scope === 'instance' ? (
                        <NameOf noun="instance" id={one.instance_id} />
                      ) : (
                        <PlaceName noun={one.scope} id={one.scope === 'domain' ? one.domain_id : one.project_id} />
                      )}
                    </>
                  ),
              },
            ]}
          />
        </CardBody>
      </Card>
      <p>
        <To to="/api-keys">{words('keys')}</To> <span className="croft-muted">{words('keys.body')}</span>
      </p>
      <p>
        <To to="/preferences">{words('preferences')}</To>
      </p>
    </div>
  )
}
