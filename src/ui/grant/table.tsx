/** Who holds which role here, or where a user holds which, with granting and revoking. */
import { Card, CardBody, CardTitle } from '@patternfly/react-core'
import type { RoleGrant } from '../../api/role-grant.ts'
import { useRead } from '../api/read.ts'
import { routes } from '../api/routes.ts'
import { CallButton } from '../parts/call-button.tsx'
import { DialogButton } from '../parts/dialog-button.tsx'
import { ThingLink } from '../parts/link.tsx'
import { Loading } from '../parts/loading.tsx'
import { ProblemAlert } from '../parts/problem.tsx'
import { SimpleTable } from '../parts/simple-table.tsx'
import { Time } from '../parts/time.tsx'
import { GrantDialog } from './dialog.tsx'
import { PlaceName, UserName } from './names.tsx'
import { words } from './text.ts'

export type About = { user_id: string } | { project_id: string } | { domain_id: string } | { instance_id: string }

/** `whyNot`: why no role may be given here. */
export function GrantTable({ about, name, whyNot }: { about: About; name: string; whyNot?: string | undefined }) {
  const of_user = 'user_id' in about
  const { data, error, isPending } = useRead(
    routes['role-grant'].list,
    { query: { ...about, limit: 1000 } },
    { follows: ['role-grant', 'user', 'role'] },
  )
  if (isPending) return <Loading />
  const of_instance = 'instance_id' in about
  const title = of_user ? words('roles') : words(of_instance ? 'people' : 'members')
  return (
    <Card>
      <CardTitle component="h2">
        <div className="croft-card-head">
          {title}
          <DialogButton
            title={of_user ? words('add') : words(of_instance ? 'add.person' : 'add.member')}
            route={routes['role-grant'].create}
            whyNot={whyNot}
            dialog={done => <GrantDialog about={about} name={name} done={done} />}
          />
        </div>
      </CardTitle>
      <CardBody>
        <ProblemAlert error={error} />
        <SimpleTable
          label={title}
          items={data?.items}
          keyOf={one => one.id}
          empty={of_user ? words('none.user') : words(of_instance ? 'none.instance' : 'none.place')}
          columns={[
            ...(of_user
              ? []
              : [
                  {
                    title: words('user'),
                    cell: (one: RoleGrant) => <UserName id={one.user_id} name={one.user_name} />,
                  },
                ]),
            {
              title: words('role'),
              cell: one => (
                <ThingLink noun="role" id={one.role_id}>
                  {one.role_name}
                </ThingLink>
              ),
            },
            ...(of_user ? [{ title: words('where'), cell: (one: RoleGrant) => <Where grant={one} /> }] : []),
            { title: words('since'), cell: one => <Time at={one.created_at} /> },
            { title: words('action'), numeric: true, cell: one => <Revoke grant={one} whyNot={whyNot} /> },
          ]}
        />
        {!of_user && (data?.items.length ?? 0) > 0 && (
          <p className="croft-muted">{words(of_instance ? 'inherited.instance' : 'inherited')}</p>
        )}
      </CardBody>
    </Card>
  )
}

function Where({ grant: { scope, domain_id, project_id, instance_id, instance_name } }: { grant: RoleGrant }) {
  if (scope === 'system') return <>{words('in.system')}</>
  const [before, after] = words(`in.${scope}`, { name: '\n' }).split('\n')
  return (
    <>
      {before}
      {scope === 'instance' ? (
        <ThingLink noun="instance" id={instance_id}>
          {instance_name}
        </ThingLink>
      ) : (
        <PlaceName noun={scope} id={scope === 'domain' ? domain_id : project_id} />
      )}
      {after}
    </>
  )
}

function Revoke({ grant, whyNot }: { grant: RoleGrant; whyNot: string | undefined }) {
  const names = { role: grant.role_name, user: grant.user_name }
  return (
    <CallButton
      title={words('revoke')}
      label={words('revoke.of', names)}
      route={routes['role-grant'].delete}
      input={{ params: { role_grant: grant.id } }}
      confirm={{ title: words('revoke.title', names), body: words('revoke.body', names) }}
      danger
      whyNot={whyNot}
    />
  )
}
