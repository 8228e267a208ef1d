/** The quota of a project or a domain on its page: bars, and the limits for who may set them. */
import { Card, CardBody, CardTitle } from '@patternfly/react-core'
import { useRead } from '../api/read.ts'
import { routes } from '../api/routes.ts'
import { DialogButton } from '../parts/dialog-button.tsx'
import { FormDialog, type Values } from '../parts/form.tsx'
import { Loading } from '../parts/loading.tsx'
import { ProblemAlert } from '../parts/problem.tsx'
import { words as shared } from '../text/shared.ts'
import type { Quota } from '../../api/quota.ts'
import { amount, QuotaBars, quotaFollows, resourceName } from './bars.tsx'
import { words } from './text.ts'

interface Props {
  scope: 'project' | 'domain'
  id: string
  name: string
  whyNot?: string | undefined
}

export function QuotaPanel({ scope, id, name, whyNot }: Props) {
  const { data, error, isPending } = useRead(
    routes.quota.get,
    { query: scope === 'project' ? { project_id: id } : { domain_id: id } },
    { follows: quotaFollows },
  )
  if (isPending) return <Loading />
  if (!data) return <ProblemAlert error={error} />
  return (
    <Card>
      <CardTitle component="h2">
        <div className="croft-card-head">
          {words('one')}
          <DialogButton
            title={words('edit')}
            route={routes.quota.set}
            whyNot={whyNot}
            dialog={done => <LimitsDialog quota={data} name={name} done={done} />}
          />
        </div>
      </CardTitle>
      <CardBody>
        <QuotaBars resources={data.resources} />
      </CardBody>
    </Card>
  )
}

const units: Readonly<Record<string, string>> = { memory_mib: 'MiB', storage_gib: 'GiB' }

function LimitsDialog({ quota, name, done }: { quota: Quota; name: string; done(): void }) {
  const before: Values = Object.fromEntries(quota.resources.map(one => [one.resource, one.limit ?? undefined]))
  return (
    <FormDialog
      title={words('edit.title', { name })}
      yes={shared('save')}
      route={routes.quota.set}
      initial={before}
      fields={quota.resources.map(({ resource, used }) => ({
        name: resource,
        title: resourceName(resource),
        kind: 'number' as const,
        help: words('edit.help', { used: amount(resource, used) }),
        ...(units[resource] && { unit: units[resource] }),
      }))}
      toInput={values => ({
        params: { scope: quota.scope, id: quota.scope_id },
        // Only what was changed: another's change of another limit stays.
        body: Object.fromEntries(
          Object.entries(values)
            .filter(([resource, value]) => value !== before[resource])
            .map(([resource, value]) => [resource, value ?? null]),
        ),
      })}
      done={done}
    />
  )
}
