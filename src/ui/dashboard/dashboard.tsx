/** The first page: how the project stands; an empty one leads to the first instance. */
import { Card, CardBody, CardTitle, ClipboardCopy, Progress, Title } from '@patternfly/react-core'
import CloudIcon from '@patternfly/react-icons/dist/esm/icons/cloud-icon'
import { useRead } from '../api/read.ts'
import { routes } from '../api/routes.ts'
import { Empty } from '../parts/empty.tsx'
import { LazyPart } from '../parts/lazy.tsx'
import { LinkButton, ThingLink } from '../parts/link.tsx'
import { Loading } from '../parts/loading.tsx'
import { SimpleTable } from '../parts/simple-table.tsx'
import { StateLabel, type Tone } from '../parts/state.tsx'
import { number, size, Time } from '../parts/time.tsx'
import { may, useSession } from '../session/session.ts'
import { words as shared } from '../text/shared.ts'
import { words } from './text.ts'

const loadForecast = () => import('./forecast-card.tsx')

export default function Dashboard() {
  const session = useSession()
  const quota = useRead(
    routes.quota.get,
    {},
    {
      follows: ['instance', 'volume', 'quota', 'network', 'image', 'router', 'floating-ip', 'security-group'],
      enabled: may(session, routes.quota.get) && session.project !== null,
    },
  )
  const instances = useRead(
    routes.instance.list,
    { query: { limit: 1 } },
    { follows: ['instance'], enabled: may(session, routes.instance.list) },
  )
  if (instances.isLoading) return <Loading />
  const empty = instances.data?.items.length === 0
  return (
    <div className="croft-stack">
      <Title headingLevel="h1">
        {session.project ? words('title', { project: session.project.name }) : words('title.none')}
      </Title>
      {empty && may(session, routes.instance.create) && <FirstUse />}
      <div className="croft-cards">
        {may(session, routes.host.list) && <LazyPart load={loadForecast} props={{}} />}
        {quota.data && <QuotaCard resources={quota.data.resources} />}
        {may(session, routes.operation.list) && <LatestOperations />}
      </div>
    </div>
  )
}

function FirstUse() {
  return (
    <Card>
      <CardBody>
        <Empty
          title={words('first.title')}
          icon={CloudIcon}
          actions={<LinkButton to="/instances/create">{words('first.create')}</LinkButton>}
        >
          <p>{words('first.body')}</p>
          <p className="croft-muted">{words('first.cli')}</p>
          <ClipboardCopy
            isReadOnly
            isCode
            hoverTip={shared('copy')}
            clickTip={shared('copied')}
            textAriaLabel={words('first.cli')}
          >
            croft instance create mine --image tiny --flavor small --wait
          </ClipboardCopy>
        </Empty>
      </CardBody>
    </Card>
  )
}

function QuotaCard({ resources }: { resources: readonly { resource: string; used: number; limit: number | null }[] }) {
  const shown = (resource: string, value: number) =>
    resource.endsWith('_mib') ? size(value, 'MiB') : resource.endsWith('_gib') ? size(value, 'GiB') : number(value)
  return (
    <Card>
      <CardTitle component="h2">{words('quota')}</CardTitle>
      <CardBody>
        <div className="croft-quota-grid">
          {resources.map(({ resource, used, limit }) => (
            <Progress
              key={resource}
              size="sm"
              title={words.maybe(`resource.${resource}`) ?? resource}
              value={limit ? Math.min(100, (100 * used) / limit) : 0}
              label={
                limit === null
                  ? words('unlimited', { used: shown(resource, used) })
                  : words('used', { used: shown(resource, used), limit: shown(resource, limit) })
              }
              {...(limit !== null && limit > 0 && used >= limit && { variant: 'warning' as const })}
            />
          ))}
        </div>
      </CardBody>
    </Card>
  )
}

const tones: Readonly<Record<string, Tone>> = {
  running: 'busy',
  waiting: 'warn',
  succeeded: 'good',
  failed: 'bad',
  cancelled: 'off',
}

function LatestOperations() {
  const { data } = useRead(routes.operation.list, { query: { limit: 8 } }, { follows: ['operation'] })
  return (
    <Card>
      <CardTitle component="h2">{words('operations')}</CardTitle>
      <CardBody>
        <SimpleTable
          label={words('operations')}
          items={data?.items ?? []}
          keyOf={one => one.id}
          empty={words('operations.none')}
          columns={[
            {
              title: words('what'),
              cell: one => (
                <ThingLink noun={one.noun} id={one.resource_id}>
                  {one.kind}
                </ThingLink>
              ),
            },
            {
              title: words('state'),
              cell: one => (
                <StateLabel tone={tones[one.state] ?? 'off'} why={one.reason}>
                  {shared.maybe(`operation.state.${one.state}`) ?? one.state}
                </StateLabel>
              ),
            },
            { title: words('when'), cell: one => <Time at={one.created_at} /> },
          ]}
        />
      </CardBody>
    </Card>
  )
}
