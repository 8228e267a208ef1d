/** Lets a machine in: as a new host of a cluster, or as one that was installed anew. */
import type { HostRegistration } from '../../api/host-registration.ts'
import { routes } from '../api/routes.ts'
import { FormDialog, plainInput } from '../parts/form.tsx'
import { words as hostWords } from '../host/text.ts'
import { words } from './text.ts'

export default function Approve({ item, done }: { item: HostRegistration; done: () => void }) {
  const known = item.same_machine
  const gone = known === null && item.same_name?.linked === false ? item.same_name : null
  const isNew = (values: Readonly<Record<string, unknown>>) => !values.replaces_host_id
  return (
    <FormDialog
      title={words('approve.of', { name: item.name })}
      yes={words('approve')}
      route={routes['host-registration'].approve}
      initial={{
        ...(item.cluster_id && { cluster_id: item.cluster_id }),
        ...(known && { replaces_host_id: known.id }),
      }}
      toInput={values => {
        const { body } = plainInput(values) as { body: Record<string, unknown> }
        const { replaces_host_id } = body
        return { params: { host_registration: item.id }, body: replaces_host_id ? { replaces_host_id } : body }
      }}
      fields={[
        {
          name: 'code',
          title: words('code'),
          kind: 'own',
          draw: () => (
            <div className="croft-stack">
              <code>{words('approve.code', { code: item.code })}</code>
              <p>{words('code.help')}</p>
              {known && <p>{words('approve.known', { host: known.name })}</p>}
              {gone && <p>{words('approve.same_name', { host: gone.name })}</p>}
            </div>
          ),
        },
        {
          name: 'cluster_id',
          title: words('cluster'),
          kind: 'noun',
          from: routes.cluster.list,
          query: { sort: 'name' },
          empty: hostWords('invite.cluster.standard'),
          first: true,
          when: isNew,
        },
        {
          name: 'name',
          title: words('approve.name'),
          kind: 'text',
          help: words('approve.name.help'),
          when: isNew,
        },
        {
          name: 'replaces_host_id',
          title: words('replaces'),
          kind: 'noun',
          from: routes.host.list,
          query: { sort: 'name' },
          empty: words('replaces.none'),
          help: words('replaces.help'),
        },
        {
          name: 'as_new',
          title: words('approve.as_new', { host: gone?.name ?? '' }),
          kind: 'yes',
          when: values => gone !== null && isNew(values) && !values.name,
        },
      ]}
      done={done}
    />
  )
}
