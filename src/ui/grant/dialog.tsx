/** Grants a role: to a user somewhere, or in a place to someone. */
import type { Role } from '../../api/role.ts'
import { routes } from '../api/routes.ts'
import { FormDialog, type FormField, plainInput } from '../parts/form.tsx'
import { may, useSession } from '../session/session.ts'
import type { About } from './table.tsx'
import { words } from './text.ts'

export function GrantDialog({ about, name, done }: { about: About; name: string; done(): void }) {
  const session = useSession()
  const of_user = 'user_id' in about
  const scopes = (['system', 'domain', 'project'] as const).filter(
    one => one !== 'system' || may(session, { level: 'system', needs: 'user.manage' }),
  )
  const place: FormField[] = [
    {
      name: 'scope',
      title: words('scope'),
      kind: 'choice',
      options: scopes.map(value => ({ value, title: words(`scope.${value}`) })),
    },
    {
      name: 'domain_id',
      title: words('domain'),
      kind: 'noun',
      from: routes.domain.list,
      query: { sort: 'name' },
      required: true,
      when: values => values.scope === 'domain',
    },
    {
      name: 'project_id',
      title: words('project'),
      kind: 'noun',
      from: routes.project.list,
      query: { sort: 'name' },
      required: true,
      when: values => values.scope === 'project',
    },
  ]
  return (
    <FormDialog
      title={words(of_user ? 'add.user.title' : 'add.title', { name })}
      yes={words('add')}
      route={routes['role-grant'].create}
      initial={{ ...about, scope: 'domain_id' in about ? 'domain' : 'project' }}
      fields={[
        ...(of_user
          ? []
          : [
              {
                name: 'user_id',
                title: words('user'),
                kind: 'noun' as const,
                from: routes.user.list,
                query: { sort: 'name' },
              },
            ]),
        {
          name: 'role',
          title: words('role'),
          kind: 'noun',
          from: routes.role.list,
          query: { sort: 'name' },
          describe: one => (one as Role).description,
          help: words('add.help'),
        },
        ...(of_user ? place : []),
      ]}
      toInput={({ scope, domain_id, project_id, ...rest }) =>
        // What was chosen for another scope before is not sent along.
        plainInput({
          ...rest,
          scope,
          ...(scope === 'domain' && { domain_id }),
          ...(scope === 'project' && { project_id }),
        })
      }
      done={done}
    />
  )
}
