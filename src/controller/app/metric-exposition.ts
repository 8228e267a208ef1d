/**
 * Metrics as Prometheus reads them: its text format 0.0.4 (prometheus.io/docs/instrumenting/exposition_formats). Gauges, and the
 * counters behind the rates. A project's key sees its instances, an operator's everything and this controller.
 */
import { type MetricName, metricOf, metricTable, splitSeries } from '../../model/metrics.ts'
import type { Cloud } from '../cloud.ts'
import { metricSubjects, type Subject } from '../store/metrics.ts'
import { type Caller, forbidden, mayInProject, mayOnSystem } from './caller.ts'
import { countersOf } from './metric-rates.ts'
import { type Newest, roomNow } from './metric-pools.ts'
import { lastOf } from './metrics.ts'

type Labels = Readonly<Record<string, string>>

/** Families in the order of their first sample; all samples of one stand together, as the format wants it. */
export class Exposition {
  private readonly families = new Map<string, { head: string; lines: string[] }>()

  add(name: string, type: 'gauge' | 'counter', help: string, labels: Labels, value: number): void {
    if (Number.isNaN(value)) return
    const family = this.families.get(name) ?? {
      head: `# HELP ${name} ${escapeHelp(help)}\n# TYPE ${name} ${type}\n`,
      lines: [],
    }
    this.families.set(name, family)
    const inside = Object.entries(labels).map(([key, text]) => `${key}="${escapeLabel(text)}"`)
    family.lines.push(`${name}${inside.length > 0 ? `{${inside.join(',')}}` : ''} ${numberOf(value)}\n`)
  }

  toString(): string {
    return [...this.families.values()].map(({ head, lines }) => head + lines.join('')).join('')
  }
}

export function escapeLabel(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n').replaceAll('"', '\\"')
}

export function escapeHelp(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')
}

function numberOf(value: number): string {
  return value === Infinity ? '+Inf' : value === -Infinity ? '-Inf' : String(value)
}

const deviceLabel = { disk: 'disk', nic: 'nic', pool: 'pool' } as const

/** What a metric is called outside: `croft_instance_memory_used_bytes`; a rate gives way to its counter, the share of CPUs stays, too. */
export function exposedNames(kind: string, name: MetricName): { gauge: string | null; counter: string | null } {
  const { counter } = metricOf(name)
  const is_gauge = counter === undefined || name === 'cpu_percent'
  // Not croft_pool_pool_used_bytes.
  const own = name.startsWith(`${kind}_`) ? name : `${kind}_${name}`
  return {
    gauge: is_gauge ? `croft_${own}` : null,
    counter: counter === undefined ? null : `croft_${kind}_${counter}`,
  }
}

export async function exposeMetrics(cloud: Cloud, caller: Caller): Promise<string> {
  const [instances, system] = [mayOnSystem(caller, 'instance.read'), mayOnSystem(caller, 'topology.read')]
  const in_project = caller.project_id !== null && mayInProject(caller, 'instance.read')
  if (!instances && !system && !in_project) throw forbidden('instance.read', 'in this project')
  const scope = instances ? {} : { project_id: caller.project_id ?? '00000000-0000-0000-0000-000000000000' }
  const subjects = await metricSubjects(cloud.database.db, { ...scope, system })
  // Pools are measured by their hosts, which are among these.
  const measured = subjects.filter(one => one.kind !== 'pool')
  const standing = await standings(cloud, measured)
  const out = new Exposition()
  for (const one of subjects) exposeOne(out, one, one.hosts ? roomNow(one.hosts, standing) : standing.get(one.id))
  if (system) exposeController(out, cloud)
  return out.toString()
}

interface Standing extends Newest {
  /** By the place of their series. */
  counters: ReadonlyMap<number, number>
}

/** From memory for hosts whose link is here, else as the controller that has it wrote last. */
async function standings(cloud: Cloud, subjects: readonly Subject[]): Promise<Map<string, Standing>> {
  const found = new Map<string, Standing>()
  const elsewhere: string[] = []
  for (const { id } of subjects) {
    const latest = cloud.metrics.latest(id)
    if (!latest?.standing) elsewhere.push(id)
    else {
      const { at_ms, series, values, standing } = latest
      found.set(id, {
        at_ms,
        series,
        values,
        counters: new Map(countersOf(series).map(place => [place, standing[place] ?? 0])),
      })
    }
  }
  const now_ms = cloud.clock.now_ms()
  for (const block of await cloud.metrics.store.newest(elsewhere, now_ms - 180_000, now_ms + 1000)) {
    const places = countersOf(block.series)
    const counters = new Map(places.map((place, n) => [place, block.counters?.[n] ?? Number.NaN]))
    found.set(block.resource_id, { ...lastOf(block), counters })
  }
  return found
}

function exposeOne(out: Exposition, one: Subject, standing: (Newest & Partial<Standing>) | undefined): void {
  const labels: Labels = {
    [`${one.kind}_id`]: one.id,
    [one.kind]: one.name,
    ...(one.project_id !== null && { project_id: one.project_id, project: one.project ?? '' }),
  }
  out.add(
    `croft_${one.kind}_measured`,
    'gauge',
    'Whether values of the last minutes are known',
    labels,
    standing ? 1 : 0,
  )
  for (const [place, key] of standing?.series.entries() ?? []) {
    const split = splitSeries(key)
    if (!split || !standing) continue
    const { name, device } = split
    const { per, summary } = metricOf(name)
    const of_device = per && device !== null ? { ...labels, [deviceLabel[per]]: device } : labels
    const { gauge, counter } = exposedNames(one.kind, name)
    if (gauge) out.add(gauge, 'gauge', summary, of_device, standing.values[place] ?? Number.NaN)
    if (counter)
      out.add(counter, 'counter', `${summary}, since it began`, of_device, standing.counters?.get(place) ?? Number.NaN)
  }
}

function exposeController(out: Exposition, cloud: Cloud): void {
  const { user, system } = process.cpuUsage()
  const labels = { controller: cloud.self.name, controller_id: cloud.self.id }
  const { counted } = cloud.metrics
  const gauge = (name: string, help: string, value: number) => out.add(name, 'gauge', help, labels, value)
  const counter = (name: string, help: string, value: number) => out.add(name, 'counter', help, labels, value)
  counter('croft_controller_cpu_seconds_total', 'CPU time of this controller', (user + system) / 1e6)
  gauge('croft_controller_resident_memory_bytes', 'Memory of this controller', process.memoryUsage.rss())
  gauge(
    'croft_controller_start_time_seconds',
    'When this controller started, by Unix time',
    cloud.clock.now_ms() / 1000 - process.uptime(),
  )
  gauge(
    'croft_controller_event_loop_utilization',
    'Share of time in which its event loop is busy, since its start',
    performance.eventLoopUtilization().utilization,
  )
  gauge('croft_controller_host_links', 'Hosts whose link this controller has', cloud.agents.count)
  counter('croft_controller_metric_samples_total', 'Samples taken from hosts', counted.samples)
  counter('croft_controller_metric_blocks_written_total', 'Blocks of metrics written', counted.blocks)
  counter('croft_controller_metric_blocks_lost_total', 'Blocks of metrics that could not be written', counted.lost)
}

/** Every name there can be: what rules and dashboards may use. */
export function everyExposedName(): Set<string> {
  const names = new Set<string>()
  for (const [name, { kinds }] of Object.entries(metricTable)) {
    for (const kind of kinds) {
      const { gauge, counter } = exposedNames(kind, name as MetricName)
      if (gauge) names.add(gauge)
      if (counter) names.add(counter)
      names.add(`croft_${kind}_measured`)
    }
  }
  return names
}
