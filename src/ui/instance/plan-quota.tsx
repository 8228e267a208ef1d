/** What is left of the project's quota, as bars: what is used, what this request takes, and what would be left. */
import { Card, CardBody, CardTitle } from '@patternfly/react-core'
import type { InstancePlan } from '../../api/placement.ts'
import { number, size } from '../parts/time.tsx'
import { resourceName } from '../quota/bars.tsx'
import { words } from './create-text.ts'

type Row = NonNullable<InstancePlan['quota']>[number]

const shown: readonly string[] = ['instances', 'vcpus', 'memory_mib', 'storage_gib']

export function PlanQuota({ rows }: { rows: readonly Row[] }) {
  const told = rows.filter(one => shown.includes(one.resource))
  if (told.length === 0) return null
  return (
    <Card isCompact>
      <CardTitle component="h2">{words('quota')}</CardTitle>
      <CardBody>
        <div className="croft-plan-quota">
          {told.map(one => (
            <Bar key={one.resource} row={one} />
          ))}
        </div>
      </CardBody>
    </Card>
  )
}

/** What one instance takes of much is seen, too: not rounded to the next larger unit. */
function exact(resource: string, value: number): string {
  if (resource === 'storage_gib') return `${number(value)} GiB`
  if (resource !== 'memory_mib') return number(value)
  return value < 1024 ? size(value, 'MiB') : `${number(value / 1024, 2)} GiB`
}

function Bar({ row: { resource, used, limit, asked, after } }: { row: Row }) {
  const show = (value: number) => exact(resource, value)
  const over = limit !== null && after > limit && asked > 0
  const percent = (part: number) => `${limit ? Math.min(100, (100 * part) / limit) : 0}%`
  const left =
    limit === null
      ? words('quota.unlimited')
      : over
        ? words('quota.over', { over: show(after - limit), limit: show(limit) })
        : words('quota.of', { left: show(Math.max(0, limit - after)), limit: show(limit) })
  return (
    <div className={over ? 'croft-plan-bar croft-plan-over' : 'croft-plan-bar'}>
      <div className="croft-plan-bar-text">
        <strong>{resourceName(resource)}</strong>
        <span className={over ? 'croft-plan-left' : 'croft-muted'}>
          {over && <span aria-hidden="true">✕ </span>}
          {left}
        </span>
      </div>
      {limit !== null && (
        <div className="croft-plan-track" aria-hidden="true">
          {used > 0 && <div className="croft-plan-used" style={{ width: percent(used) }} />}
          {asked > 0 && <div className="croft-plan-asked" style={{ width: percent(asked) }} />}
        </div>
      )}
      <div className="croft-plan-note croft-muted">{words('quota.used', { used: show(used), asked: show(asked) })}</div>
    </div>
  )
}
