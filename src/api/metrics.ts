/** Metrics of instances, hosts, clusters and pools: the latest, history, live, and for Prometheus. Whoever may see a thing may see its metrics. */
import Type, { type Static } from 'typebox'
import { metricKinds, metricNames, metricUnits } from '../model/metrics.ts'
import { closed, nullable, oneOf, Time, Uuid } from './common.ts'
import { route } from './route.ts'

const Value = nullable(Type.Number())

const identity = {
  resource_id: Uuid,
  kind: oneOf(metricKinds),
  name: Type.String({ description: "The resource's name; a pool goes by its hosts'" }),
}
const series = {
  name: oneOf(metricNames),
  device: nullable(Type.String({ description: 'A disk, NIC or pool; null for all of them together' })),
  unit: oneOf(metricUnits),
}

export const MetricSeries = closed({
  ...series,
  mean: Type.Array(Value, { description: 'One value per step from `from` on; null where nothing was measured' }),
  peak: nullable(Type.Array(Value, { description: 'The greatest of each step; null where it is the mean' })),
})
export type MetricSeries = Static<typeof MetricSeries>

export const MetricHistory = closed({
  from: Time,
  to: Time,
  step_s: Type.Integer({
    description: 'Between two values; coarser than asked for where history is, or the answer would be too long',
  }),
  resources: Type.Array(closed({ ...identity, series: Type.Array(MetricSeries) })),
})
export type MetricHistory = Static<typeof MetricHistory>

export const MetricsNow = closed({
  ...identity,
  at: nullable(Time),
  values: Type.Array(closed({ ...series, value: Value })),
})
export type MetricsNow = Static<typeof MetricsNow>

const resource = Type.Array(Uuid, {
  minItems: 1,
  maxItems: 20,
  uniqueItems: true,
  description: 'Instances, hosts, clusters or pools; several to compare them',
})
const names = Type.Optional(
  Type.Array(oneOf(metricNames), { maxItems: 32, uniqueItems: true, description: 'Only these metrics' }),
)
const devices = Type.Optional(Type.Boolean({ description: 'Each disk, NIC and pool, too, beside their sums' }))

export const metricsRoutes = {
  get: route({
    name: 'metrics.get',
    method: 'GET',
    path: '/v1/metrics',
    summary: 'How metrics went: of the last hour, or between two times',
    level: 'self',
    needs: null,
    query: closed({
      resource,
      names,
      devices,
      from: Type.Optional(Time),
      to: Type.Optional(Time),
      step_s: Type.Optional(Type.Integer({ minimum: 1, maximum: 31_622_400 })),
    }),
    status: 200,
    reply: MetricHistory,
    errors: ['not_found', 'invalid'],
  }),
  latest: route({
    name: 'metrics.latest',
    method: 'GET',
    path: '/v1/metrics/latest',
    summary: 'The latest values',
    level: 'self',
    needs: null,
    query: closed({ resource, names, devices }),
    status: 200,
    reply: closed({ resources: Type.Array(MetricsNow) }),
    errors: ['not_found'],
  }),
  stream: route({
    name: 'metrics.stream',
    method: 'GET',
    path: '/v1/metrics/stream',
    summary: "Values as they are measured (server-sent events 'sample', each as the latest values are)",
    level: 'self',
    needs: null,
    query: closed({ resource, names, devices }),
    status: 200,
    stream: 'events',
    errors: ['not_found'],
    cli: { hidden: true },
  }),
  prometheus: route({
    name: 'metrics.prometheus',
    method: 'GET',
    path: '/v1/metrics/prometheus',
    summary: 'For Prometheus: of the project’s instances; for operators of everything',
    level: 'self',
    needs: null,
    status: 200,
    stream: 'bytes',
    errors: ['forbidden'],
    cli: { hidden: true },
  }),
}
