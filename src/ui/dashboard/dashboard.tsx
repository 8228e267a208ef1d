/**
 * The first page, for each persona: what needs an operator and how full the cloud is; how the project stands; one's own instances. An
 * empty project leads to the first instance.
 */
import { Card, CardBody, CardTitle, Title } from '@patternfly/react-core'
import CloudIcon from '@patternfly/react-icons/dist/esm/icons/cloud-icon'
import type { Quota } from '../../api/quota.ts'
import type { Session } from '../../api/session.ts'
import { useRead } from '../api/read.ts'
import { routes } from '../api/routes.ts'
import { type ApiCall, ApiCallButton } from '../parts/api-call.tsx'
import { OperationTable } from '../operation/table.tsx'
import { Empty } from '../parts/empty.tsx'
import { LazyPart } from '../parts/lazy.tsx'
import { To } from '../parts/link.tsx'
import { Loading } from '../parts/loading.tsx'
import { ProblemAlert } from '../parts/problem.tsx'
import { Time } from '../parts/time.tsx'
import { useTitle } from '../parts/use-title.ts'
import { QuotaBars, quotaFollows } from '../quota/bars.tsx'
import { may, personaOf, useSession } from '../session/session.ts'
import { words as shared } from '../text/shared.ts'
import { InstancesCard } from './instances.tsx'
import { words } from './text.ts'
import './dashboard.css'

const loadFirstUse = () => import('./first-use.tsx')
const loadForecast = () => import('./forecast-card.tsx')
const loadProjects = () => import('./projects.tsx')
const loadOperator = () => import('./operator.tsx')

/** Counted on this page; of more than these it says so. */
const instances_max = 500

export default function Dashboard() {
  const session = useSession()
  const { project } = session
  const persona = personaOf(session)
  useTitle(shared('dashboard'))
  const quota = useRead(
    routes.quota.get,
    {},
    {
      follows: quotaFollows,
      enabled: may(session, routes.quota.get) && project !== null && persona !== 'portal',
    },
  )
  const sees = may(session, routes.instance.list) && project !== null
  const instances = useRead(
    routes.instance.list,
    { query: { limit: instances_max, sort: '-created_at' } },
    { follows: ['instance'], enabled: sees },
  )
  if (instances.isLoading) return <Loading />
  const items = instances.data?.items ?? []
  return (
    <div className="croft-stack">
      <header className="croft-head">
        <Title headingLevel="h1">{project ? words('title', { project: project.name }) : words('title.none')}</Title>
        <div className="croft-head-actions">
          <ApiCallButton calls={() => callsFor(session)} />
        </div>
      </header>
      <ProblemAlert error={instances.error} onRetry={() => void instances.refetch()} />
      {instances.data?.items.length === 0 &&
        (may(session, routes.instance.create) ? <LazyPart load={loadFirstUse} props={{}} /> : <NothingGiven />)}
      <div className="croft-cards">
        {persona === 'operator' && <LazyPart load={loadOperator} props={{}} />}
        {may(session, routes.host.list) && <LazyPart load={loadForecast} props={{}} />}
        {items.length > 0 && <InstancesCard items={items} more={instances.data?.next !== null} />}
        {persona === 'portal' && may(session, routes.project.list) && <LazyPart load={loadProjects} props={{}} />}
        {(quota.data ?? quota.error) && <QuotaCard quota={quota.data} error={quota.error} />}
        {may(session, routes.operation.list) && project !== null && <LatestOperations />}
      </div>
    </div>
  )
}

/** What its cards are made of. */
function callsFor(session: Session): ApiCall[] {
  const { project } = session
  const operates = personaOf(session) === 'operator'
  const all: (ApiCall | false)[] = [
    operates && { route: routes.host.list, input: { query: { sort: '-fullness_percent' } } },
    operates && { route: routes.host.list, input: { query: { attention: true } } },
    operates && { route: routes['ha-restart'].list, input: { query: { all_projects: true } } },
    operates && { route: routes.cluster.list, input: {} },
    operates && { route: routes.maintenance.list, input: {} },
    operates && { route: routes.operation.list, input: { query: { failed: true, all_projects: true } } },
    project !== null && { route: routes.instance.list, input: { query: { sort: '-created_at' } } },
    project !== null && { route: routes.quota.get, input: {} },
    project !== null && { route: routes.operation.list, input: {} },
    personaOf(session) === 'portal' && { route: routes.project.list, input: {} },
  ]
  return all.filter(one => one !== false).filter(one => may(session, one.route))
}

function NothingGiven() {
  return (
    <Card>
      <CardBody>
        <Empty title={words('instances.none')} icon={CloudIcon}>
          {words('portal.none')}
        </Empty>
      </CardBody>
    </Card>
  )
}

function QuotaCard({ quota, error }: { quota: Quota | undefined; error: unknown }) {
  return (
    <Card>
      <CardTitle component="h2">
        <div className="croft-card-head">
          {words('quota')}
          <To to="/quota">{words('all')}</To>
        </div>
      </CardTitle>
      <CardBody>
        <ProblemAlert error={error} />
        {quota && <QuotaBars resources={quota.resources} />}
      </CardBody>
    </Card>
  )
}

function LatestOperations() {
  const { data, error } = useRead(routes.operation.list, { query: { limit: 8 } }, { follows: ['operation'] })
  return (
    <Card>
      <CardTitle component="h2">
        <div className="croft-card-head">
          {words('operations')}
          <To to="/operations">{words('all')}</To>
        </div>
      </CardTitle>
      <CardBody>
        <ProblemAlert error={error} />
        <OperationTable
          label={words('operations')}
          operations={data?.items}
          empty={words('operations.none')}
          last={{ title: words('when'), cell: one => <Time at={one.created_at} /> }}
        />
      </CardBody>
    </Card>
  )
}
