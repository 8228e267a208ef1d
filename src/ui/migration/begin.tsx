/** Moves an instance to another host: to which, and within which limits. */
import type { Host } from '../../api/host.ts'
import type { Instance } from '../../api/instance.ts'
import { routes } from '../api/routes.ts'
import { FormDialog, plainInput, type Values } from '../parts/form.tsx'
import { words } from './text.ts'

export default function BeginMigration({ item, done }: { item: Instance; done: () => void }) {
  const live = item.state === 'running' || item.state === 'paused'
  const when = () => live
  return (
    <FormDialog
      title={words('migrate.title', { name: item.name })}
      yes={words('migrate.yes')}
      route={routes.instance.migrate}
      toInput={values => ({ params: { instance: item.id }, ...plainInput(chosen(values)) })}
      fields={[
        {
          name: 'host_id',
          title: words('migrate.to'),
          kind: 'noun',
          from: routes.host.list,
          only: host => mayTake(host as Host, item),
          empty: words('migrate.to.any'),
          required: false,
        },
        {
          name: 'bandwidth_mib_s',
          title: words('migrate.bandwidth'),
          kind: 'number',
          unit: 'MiB/s',
          help: words('migrate.none.help'),
        },
        {
          name: 'downtime_ms_max',
          title: words('migrate.downtime'),
          kind: 'number',
          unit: 'ms',
          help: words('migrate.empty.help'),
          when,
        },
        {
          name: 'postcopy_after_s',
          title: words('migrate.postcopy'),
          kind: 'number',
          unit: 's',
          help: words('migrate.postcopy.help'),
          when,
        },
        {
          name: 'timeout_s',
          title: words('migrate.timeout'),
          kind: 'number',
          unit: 's',
          help: words('migrate.none.help'),
        },
        {
          name: 'auto_converge',
          title: words('migrate.converge'),
          kind: 'choice',
          empty: words('migrate.as_set'),
          options: [
            { value: 'true', title: words('migrate.converge.yes') },
            { value: 'false', title: words('migrate.converge.no') },
          ],
          when,
        },
      ]}
      done={done}
    />
  )
}

/** What nobody chose is not sent: it is as the settings say for its host. */
function chosen({ auto_converge, ...values }: Values): Values {
  return auto_converge === 'true' || auto_converge === 'false'
    ? { ...values, auto_converge: auto_converge === 'true' }
    : values
}

function mayTake(host: Host, { host_id }: Instance): boolean {
  return host.id !== host_id && host.state === 'up' && host.schedulable && host.maintenance === null
}
