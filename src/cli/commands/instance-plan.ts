/** `croft instance create … --dry-run`: what would come of it, in plain words. Nothing is made. */
import type { InstancePlan } from '../../api/placement.ts'
import { ApiProblem } from '../../sdk/errors.ts'
import { call, type Context } from '../context.ts'
import { exitCodeOf } from '../failure.ts'
import type { Filled } from '../run.ts'
import { ownTable } from '../show.ts'
import { beyondTable } from './placement.ts'

/** The exit code is that of creating it. */
export async function dryRun(context: Context, body: Filled): Promise<void> {
  const plan = await call(context, 'instance', 'plan', { body: body as never })
  const [first] = plan.problems
  if (first) process.exitCode = exitCodeOf(new ApiProblem(first.status, first))
  if (context.out.json) context.out.printJson(plan)
  else context.out.print(sections(context, plan, Number(body.count ?? 1)).join('\n'))
}

function sections(context: Context, plan: InstancePlan, count: number): string[] {
  const { problems, quota, placement } = plan
  const told = [headline(plan, count)]
  if (problems.length > 0) told.push(problems.map(one => `${one.title}: ${one.detail}\n`).join(''))
  if (placement?.hosts)
    told.push(hostsTable(context, placement.hosts) + beyondTable(context, { ...placement, hosts: placement.hosts }))
  else if (placement) told.push(whereText(placement))
  if (quota) {
    const rows = quota.map(one => ({
      ...one,
      limit: one.limit ?? 'none',
      left_after: one.limit === null ? null : Math.max(0, one.limit - one.after),
    }))
    const columns = ['resource', 'used', 'asked', 'after', 'limit', 'left_after']
    told.push(`Quota of the project:\n${ownTable(context, columns, rows)}`)
  }
  return told
}

function headline({ possible, placement }: InstancePlan, count: number): string {
  const what = count === 1 ? 'It' : `All ${count}`
  if (!possible) return `Nothing was made, and nothing would be: it would be refused.\n`
  const [zone, ...others] = placement?.zones ?? []
  const where = zone ? ` in ${[zone, ...others].map(one => one.zone).join(', ')}` : ''
  return `Nothing was made. ${what} would be taken now, and run${where}.\n`
}

function hostsTable(context: Context, hosts: NonNullable<NonNullable<InstancePlan['placement']>['hosts']>): string {
  const weights = [...new Set(hosts.flatMap(one => Object.keys(one.weights)))]
  const rounded = (value: number | null | undefined) => (value == null ? null : Math.round(value * 1000) / 1000)
  const rows = hosts.map(one => ({
    ...one,
    verdict: one.instances > 0 ? 'chosen' : one.refused === null ? 'fits' : 'refused',
    score: rounded(one.score),
    ...Object.fromEntries(weights.map(name => [name, rounded(one.weights[name])])),
    why_not: one.refused,
  }))
  const why_not = rows.some(row => row.why_not !== null) ? ['why_not'] : []
  if (rows.length === 0) return 'There is no host yet: croft host invite.\n'
  return `Hosts:\n${ownTable(context, ['host', 'zone', 'verdict', 'instances', 'score', ...weights, ...why_not], rows)}`
}

/** For who is not told of single hosts. */
function whereText({ fitted, zones, reasons }: NonNullable<InstancePlan['placement']>): string {
  const room = zones.map(one => `${one.instances} in ${one.zone}`).join(', ')
  const refused = reasons.map(one => `${one.reason} (${one.hosts})`)
  const without = refused.length > 0 ? ` Hosts that cannot take it, by reason: ${refused.join(', ')}.` : ''
  return `There is room for ${fitted}${room === '' ? '' : ` (${room})`}.${without}\n`
}
