/** The CPU that instances of a cluster have; what would come of taking it anew, before it is taken. */
import { Alert, Button, Card, CardBody, CardTitle } from '@patternfly/react-core'
import { useState } from 'react'
import type { Cluster, CpuBaseline as Cpu, CpuPlan } from '../../api/cluster.ts'
import { call } from '../api/read.ts'
import { routes } from '../api/routes.ts'
import { CallButton } from '../parts/call-button.tsx'
import { Facts } from '../parts/facts.tsx'
import { nameColumn } from '../parts/link.tsx'
import { ProblemAlert } from '../parts/problem.tsx'
import { SimpleTable } from '../parts/simple-table.tsx'
import { Time } from '../parts/time.tsx'
import { may, useSession } from '../session/session.ts'
import { words } from './text.ts'

export function CpuBaselineCard({ item }: { item: Cluster }) {
  const session = useSession()
  const [plan, setPlan] = useState<CpuPlan>()
  const [failure, setFailure] = useState<unknown>()
  const [busy, setBusy] = useState(false)
  const params = { cluster: item.id }
  const compare = () => {
    setBusy(true)
    setFailure(undefined)
    call(routes.cluster.planBaseline, { params })
      .then(setPlan, setFailure)
      .finally(() => setBusy(false))
  }
  const current = item.cpu_baseline
  return (
    <Card>
      <CardTitle component="h2">{words('baseline')}</CardTitle>
      <CardBody>
        <div className="croft-stack">
          {current ? (
            <Facts
              facts={[
                [words('baseline.model'), <CpuName key="model" cpu={current} />],
                [words('baseline.since'), <Time key="since" at={item.cpu_baseline_at} />],
              ]}
            />
          ) : (
            <p className="croft-muted">{words('baseline.none')}</p>
          )}
          <ProblemAlert error={failure} />
          {may(session, routes.cluster.planBaseline) && (
            <div className="croft-head-actions">
              <Button variant="secondary" size="sm" isLoading={busy} isDisabled={busy} onClick={compare}>
                {words('baseline.compare')}
              </Button>
              {current && (
                <CallButton
                  title={words('baseline.clear')}
                  label={words('baseline.clear')}
                  route={routes.cluster.clearBaseline}
                  input={{ params }}
                  confirm={{ title: words('baseline.clear'), body: words('baseline.clear.body') }}
                />
              )}
            </div>
          )}
          {plan && <Plan plan={plan} id={item.id} />}
        </div>
      </CardBody>
    </Card>
  )
}

function CpuName({ cpu: { model, require, disable } }: { cpu: Cpu }) {
  const flags = [...require.map(flag => `+${flag}`), ...disable.map(flag => `−${flag}`)]
  return (
    <span className="croft-mono">
      {model} {flags.join(' ')}
    </span>
  )
}

function Plan({ plan, id }: { plan: CpuPlan; id: string }) {
  return (
    <>
      <Alert
        isInline
        variant={plan.changed ? 'info' : 'success'}
        title={words(plan.changed ? 'baseline.changed' : 'baseline.same')}
      >
        <p>
          <CpuName cpu={plan.proposed} />
        </p>
        {plan.changed && <p>{words('baseline.instances', { n: plan.instances })}</p>}
        {plan.changed && (
          <CallButton
            title={words('baseline.take')}
            label={words('baseline.take')}
            route={routes.cluster.setBaseline}
            input={{ params: { cluster: id } }}
            confirm={{ title: words('baseline.take'), body: words('baseline.take.body') }}
          />
        )}
      </Alert>
      <SimpleTable
        label={words('hosts')}
        items={plan.hosts}
        keyOf={one => one.id}
        empty={words('hosts.none')}
        columns={[
          nameColumn('host', words('name')),
          { title: words('baseline.model'), cell: one => one.model ?? '–' },
          {
            title: words('baseline.fits'),
            cell: one => {
              if (one.fits === null) return '–'
              return one.fits ? words('baseline.fits.yes') : words('baseline.lacks', { flags: one.missing.join(', ') })
            },
          },
        ]}
      />
    </>
  )
}
