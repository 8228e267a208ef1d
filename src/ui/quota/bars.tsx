/** What is used of a quota, a bar for each resource; the same on every page. */
import { Progress } from '@patternfly/react-core'
import type { Quota } from '../../api/quota.ts'
import { number, size } from '../parts/time.tsx'
import { words } from './text.ts'

type Resource = Quota['resources'][number]

/** Whose events change what is used. */
export const quotaFollows = [
  'instance',
  'volume',
  'quota',
  'network',
  'image',
  'router',
  'floating-ip',
  'security-group',
] as const

export function amount(resource: string, value: number): string {
  if (resource.endsWith('_mib')) return size(value, 'MiB')
  return resource.endsWith('_gib') ? size(value, 'GiB') : number(value)
}

export const resourceName = (resource: string) => words.maybe(`resource.${resource}`) ?? resource

function textOf({ resource, used, limit }: Resource): string {
  const shown = amount(resource, used)
  if (limit === null) return words('unlimited', { used: shown })
  return limit === 0 ? words('none', { used: shown }) : words('used', { used: shown, limit: amount(resource, limit) })
}

export function QuotaBars({ resources }: { resources: readonly Resource[] }) {
  return (
    <div className="croft-quota-grid">
      {resources.map(one => {
        const full = one.limit !== null && one.limit > 0 && one.used >= one.limit
        return (
          <Progress
            key={one.resource}
            id={`quota-${one.resource}`}
            size="sm"
            title={resourceName(one.resource)}
            value={one.limit ? Math.min(100, (100 * one.used) / one.limit) : 0}
            label={full ? `${textOf(one)} · ${words('full')}` : textOf(one)}
            {...(full && { variant: 'warning' as const })}
          />
        )
      })}
    </div>
  )
}
