/** Grants a role: to a user somewhere, or in a place to someone. */
import type { Role } from '../../api/role.ts'
import { routes } from '../api/routes.ts'
import { FormDialog, type FormField, plainInput } from '../parts/form.tsx'
import { may, useSession } from '../session/session.ts'
import type { About } from './table.tsx'
import { words } from './text.ts'

function scopeOf(about: About): 'domain' | 'project' | 'instance' {
  if ('instance_id' in about) return 'instance'
  return 'domain_id' in about ? 'domain' : 'project'
}

export function GrantDialog({ about, name, done }: { about: About; name: string; done(): void }) {
  const session = useSession()
  const of_user = 'user_id' in about
  const scopes = (['system', 'domain', 'project', 'instance'] as const).filter(
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
    {
      name: 'instance_id',
      title: words('instance'),
      kind: 'noun',
      from: routes.instance.list,
      query: { sort: 'name', ...(may(session, { level: 'system', needs: 'instance.read' }) && { all_projects: true }) },
      required: true,
      when: values => values.scope === 'instance',
    },
  ]
  return (
    <FormDialog
      title={words(of_user ? 'add.user.title' : 'add.title', { name })}
      yes={words('add')}
      route={routes['role-grant'].create}
      // An instance given singly is mostly given to be operated.
      initial={{ ...about, scope: scopeOf(about), ...('instance_id' in about && { role: 'operator' }) }}
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
          help: words('instance_id' in about ? 'add.instance.help' : 'add.help'),
        },
        ...(of_user ? place : []),
      ]}
      toInput={({ scope, domain_id, project_id, instance_id, ...rest }) =>
        // What was chosen for another scope before is not sent along.
        plainInput({
          ...rest,
          scope,
          ...(scope === 'domain' && { domain_id }),
          ...(scope === 'project' && { project_id }),
          ...(scope === 'instance' && { instance_id }),
        })
      }
      done={done}
    />
  )
}
