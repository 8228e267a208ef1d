/** How much of the cloud is given, and when it will all be: a card of the dashboard, for operators. */
import { Card, CardBody, CardTitle, Progress } from '@patternfly/react-core'
import { useMemo } from 'react'
import type { Cluster } from '../../api/cluster.ts'
import type { MetricHistory } from '../../api/metrics.ts'
import { type Forecast, forecast } from '../../model/forecast.ts'
import type { MetricName } from '../../model/metrics.ts'
import { useChoices, useRead } from '../api/read.ts'
import { routes } from '../api/routes.ts'
import { valueText } from '../metrics/format.ts'
import '../metrics/metrics.css'
import { words } from '../metrics/text.ts'
import { ProblemAlert } from '../parts/problem.tsx'

const day_ms = 86_400_000
/** The API compares so many at once; a forecast of a larger cloud is of these. */
const clusters_max = 20

const capacities = [
  { id: 'memory', used: 'memory_claimed_bytes', limit: 'memory_limit_bytes', unit: 'bytes' },
  { id: 'vcpus', used: 'vcpus_claimed', limit: 'vcpus_limit', unit: 'count' },
  { id: 'disk', used: 'disk_claimed_bytes', limit: 'disk_limit_bytes', unit: 'bytes' },
] as const

export default function ForecastCard() {
  // What clusters say counts every host, and a pool that hosts share once.
  const clusters = useChoices<Cluster>(
    routes.cluster.list,
    { limit: 1000 },
    { follows: ['cluster', 'host', 'instance'] },
  )
  const resource = useMemo(
    () => (clusters.data?.items ?? []).slice(0, clusters_max).map(one => one.id),
    [clusters.data],
  )
  const begin_ms = useMemo(() => Date.now(), [])
  const [from, to] = [begin_ms - 30 * day_ms, begin_ms].map(at_ms => new Date(at_ms).toISOString())
  // Instances and hosts that come or go change it at once; the line through the past is another one every hour at most.
  const enabled = resource.length > 0
  const past = useRead(routes.metrics.get, { query: { resource, from, to, step_s: 3600 } }, { enabled })
  if (!clusters.data) return <ProblemAlert error={clusters.error} />
  if (enabled && !past.data && !past.error) return null
  const { items } = clusters.data
  const has_hosts = items.some(one => one.hosts > 0)
  return (
    <Card>
      <CardTitle component="h2">{words('capacity.title')}</CardTitle>
      <CardBody className="croft-stack">
        <ProblemAlert error={past.error} />
        {!has_hosts && <p className="croft-muted">{words('capacity.none')}</p>}
        {has_hosts && capacities.map(one => <Capacity key={one.id} capacity={one} clusters={items} past={past.data} />)}
        <p className="croft-muted">{words('forecast.how')}</p>
      </CardBody>
    </Card>
  )
}

function now(id: 'memory' | 'vcpus' | 'disk', clusters: readonly Cluster[]): { used: number; limit: number } {
  const sum = (of: (cluster: Cluster) => number) => clusters.reduce((total, one) => total + of(one), 0)
  if (id === 'vcpus') return { used: sum(one => one.vcpus_claimed), limit: sum(one => one.vcpus_limit) }
  if (id === 'memory')
    return { used: sum(one => one.memory_claimed_mib) * 2 ** 20, limit: sum(one => one.memory_limit_mib) * 2 ** 20 }
  return { used: sum(one => one.disk_claimed_gib) * 2 ** 30, limit: sum(one => one.disk_limit_gib) * 2 ** 30 }
}

function Capacity({
  capacity,
  clusters,
  past,
}: {
  capacity: (typeof capacities)[number]
  clusters: readonly Cluster[]
  past: MetricHistory | undefined
}) {
  const { used, limit } = now(capacity.id, clusters)
  // What is given now counts, too: the last hour that was put together may know nothing of it yet.
  const said = useMemo(() => {
    const points = past ? pointsOf(past, capacity.used) : []
    return forecast([...points, { at_ms: Date.now(), used }], limit)
  }, [past, capacity.used, used, limit])
  const text = { used: valueText(capacity.unit, used), limit: valueText(capacity.unit, limit) }
  const is_near = said.kind === 'full' || (said.kind === 'full_in' && said.days < 30)
  return (
    <div>
      <Progress
        className="croft-forecast-meter"
        size="sm"
        title={words(`capacity.${capacity.id}`)}
        value={limit > 0 ? Math.min(100, (100 * used) / limit) : 0}
        label={words('capacity.of', text)}
        {...(is_near && { variant: 'warning' as const })}
      />
      <small>{sentenceOf(said)}</small>
    </div>
  )
}

/** All clusters together, where each was measured. */
function pointsOf({ from, step_s, resources }: MetricHistory, name: MetricName): { at_ms: number; used: number }[] {
  const lines = resources.flatMap(one => one.series.filter(series => series.name === name))
  const length = Math.max(0, ...lines.map(line => line.mean.length))
  return Array.from({ length }, (_, n) => {
    const values = lines.map(line => line.mean[n] ?? Number.NaN)
    const used = values.reduce((sum, value) => sum + value, values.length === 0 ? Number.NaN : 0)
    return { at_ms: Date.parse(from) + n * step_s * 1000, used }
  })
}

function sentenceOf(said: Forecast): string {
  const history = Math.max(1, Math.round(said.kind === 'full' ? 1 : said.history_days))
  if (said.kind !== 'full_in') return words(`forecast.${said.kind}`, { history })
  return words('forecast.full_in', { history, days: Math.max(1, Math.round(said.days)) })
}
