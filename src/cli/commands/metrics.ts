/** `croft metrics show`: the last hours of instances, hosts, clusters or pools, a line with a small curve for each metric. */
import type { Command } from 'commander'
import type { MetricHistory } from '../../api/metrics.ts'
import { addCommonOptions } from '../build-command.ts'
import { call, idOf, routeOf } from '../context.ts'
import { UsageError } from '../failure.ts'
import { size } from '../format.ts'
import type { Comfort, Shop } from '../shop.ts'
import { ownTable } from '../show.ts'

export const comfort: Comfort = {
  extend(noun, shop) {
    registerShow(noun, shop)
  },
}

interface ShowOptions {
  host?: true
  cluster?: true
  pool?: true
  last: string
  devices?: true
}

const units_s: Readonly<Record<string, number>> = { m: 60, h: 3600, d: 86_400, y: 31_536_000 }

function registerShow(noun: Command, shop: Shop): void {
  const command = noun
    .command('show <name...>')
    .summary('How instances did lately, each metric with a small curve')
    .description(
      'The last hour of instances, or of hosts, clusters or pools: each metric now, its mean and peak, and a small curve.',
    )
    .option('--host', 'they are hosts')
    .option('--cluster', 'they are clusters')
    .option('--pool', 'they are pools, named by their ids')
    .option('--last <time>', 'how far back: 30m, 6h, 7d, 1y', '1h')
    .option('--devices', 'each disk, NIC and pool, too')
  addCommonOptions(command).action(async (names: string[], options: ShowOptions) => {
    const context = shop.contextOf(command)
    const kind = options.host ? 'host' : options.cluster ? 'cluster' : options.pool ? 'pool' : 'instance'
    const resource: string[] = []
    for (const name of names)
      resource.push(await idOf(context, kind, name, { route: routeOf(context, 'metrics', 'get') }))
    const match = /^(\d{1,4})([mhdy])$/.exec(options.last)
    if (!match) throw new UsageError(`--last ${options.last}: a number and m, h, d or y, such as 6h.`)
    const from = new Date(Date.now() - Number(match[1]) * (units_s[match[2] ?? ''] ?? 0) * 1000).toISOString()
    const query = { resource, from, ...(options.devices && { devices: true }) }
    const history = await call(context, 'metrics', 'get', { query })
    if (context.out.json) return context.out.printJson(history)
    context.out.print(ownTable(context, ['resource', 'metric', 'last', 'mean', 'peak', 'curve'], rowsOf(history)))
  })
}

const curve_length = 30
const blocks = '▁▂▃▄▅▆▇█'

function rowsOf({ resources }: MetricHistory) {
  return resources.flatMap(resource =>
    resource.series.map(({ name, device, unit, mean, peak }) => {
      const known = mean.filter(value => value !== null)
      const average = known.reduce((sum, value) => sum + value, 0) / known.length
      const highest = Math.max(...(peak ?? mean).filter(value => value !== null))
      const text = (value: number | undefined) => textOf(unit, value)
      const metric = device === null ? name : `${name} ${device}`
      const figures = { last: text(known.at(-1)), mean: text(average), peak: text(highest) }
      return { resource: resource.name, metric, ...figures, curve: curve(mean, unit === 'percent' ? 100 : highest) }
    }),
  )
}

function textOf(unit: string, value: number | undefined): string {
  if (value === undefined || !Number.isFinite(value)) return '-'
  if (unit === 'percent') return `${value.toFixed(1)} %`
  if (unit === 'bytes') return size(Math.round(value), 'B')
  if (unit === 'bytes_per_s') return `${size(Math.round(value), 'B')}/s`
  return `${Number(value.toFixed(2))}${unit === 'per_s' ? '/s' : ''}`
}

/** From 0 to `top`; a gap where nothing was measured. */
export function curve(values: readonly (number | null)[], top: number): string {
  const each = Math.max(1, values.length / curve_length)
  const parts = Array.from({ length: Math.min(curve_length, values.length) }, (_, n) =>
    values.slice(Math.floor(n * each), Math.max(Math.floor(n * each) + 1, Math.floor((n + 1) * each))),
  )
  return parts
    .map(part => {
      const known = part.filter(value => value !== null)
      if (known.length === 0) return ' '
      const share = top > 0 ? Math.max(...known) / top : 0
      return blocks[Math.min(7, Math.floor(share * 8))] ?? blocks[0]
    })
    .join('')
}
