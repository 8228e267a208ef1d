/**
 * Beside the form: whether it would be taken, where it would run and why, and what is left of the quota; by the API's own dry run, asked
 * again as the form and the cloud change.
 */
import { Alert, Button, Card, CardBody, CardTitle } from '@patternfly/react-core'
import { useEffect, useState } from 'react'
import type { InstancePlan } from '../../api/placement.ts'
import { ApiProblem } from '../../sdk/errors.ts'
import { useRead } from '../api/read.ts'
import { routes } from '../api/routes.ts'
import { ProblemAlert, titleOf } from '../parts/problem.tsx'
import { may, useSession } from '../session/session.ts'
import { words } from './create-text.ts'
import { PlanHosts } from './plan-hosts.tsx'
import { PlanQuota } from './plan-quota.tsx'
import './create.css'

type Body = Readonly<Record<string, unknown>>

/** Typing is a row of changes: asked is when it pauses. */
const pause_ms = 250

const follows = [
  'instance',
  'volume',
  'quota',
  'host',
  'cluster',
  'flavor',
  'image',
  'network',
  'subnet',
  'port',
  'security-group',
  'key-pair',
]

/** Its name, tags and what it runs decide nothing. */
function thatMatters({ name: _, tags: __, user_data: ___, start: ____, ...rest }: Body): Body {
  return rest
}

function usePlan(body: Body) {
  const key = JSON.stringify(thatMatters(body))
  const [settled, setSettled] = useState(key)
  useEffect(() => {
    const timer = setTimeout(() => setSettled(key), pause_ms)
    return () => clearTimeout(timer)
  }, [key])
  const asked = JSON.parse(settled) as Body
  const whole = [asked.image_id, asked.boot_volume_id, asked.boot].some(one => one !== undefined)
  const read = useRead(
    routes.instance.plan,
    { body: asked as never },
    { follows, enabled: whole && asked.flavor_id !== undefined, keep: true },
  )
  return { ...read, fresh: settled === key && !read.isPlaceholderData }
}

export function Plan({ body, onWhyNot }: { body: Body; onWhyNot(why: string | undefined): void }) {
  const session = useSession()
  const { data, error, fresh, refetch } = usePlan(body)
  const why = fresh ? data?.problems[0]?.detail : undefined
  useEffect(() => onWhyNot(why), [why, onWhyNot])
  // What is left is worth knowing also before there is anything to ask.
  const quota = useRead(
    routes.quota.get,
    {},
    { follows: ['instance', 'volume', 'quota'], enabled: data === undefined && may(session, routes.quota.get) },
  )
  return (
    <>
      <Card isCompact aria-busy={!fresh}>
        <CardTitle component="h2">{words('where')}</CardTitle>
        <CardBody>
          <div className="croft-stack" aria-live="polite">
            {error && <ProblemAlert error={error} onRetry={() => void refetch()} />}
            {data?.problems.map(one => (
              <Alert
                key={one.detail}
                isInline
                variant="danger"
                title={titleOf(new ApiProblem(one.status, one))}
                actionLinks={
                  // Of what others do with hosts, not everybody is told.
                  one.code === 'no_capacity' && (
                    <Button variant="link" isInline onClick={() => void refetch()}>
                      {words('look_again')}
                    </Button>
                  )
                }
              >
                {one.detail}
              </Alert>
            ))}
            {data?.placement && (
              <Where placement={data.placement} all={data.problems.every(one => one.code !== 'no_capacity')} />
            )}
            {!data && !error && <p className="croft-muted">{words('where.not_yet')}</p>}
          </div>
        </CardBody>
      </Card>
      <PlanQuota
        rows={data?.quota ?? quota.data?.resources.map(one => ({ ...one, asked: 0, after: one.used })) ?? []}
      />
    </>
  )
}

/** Of a batch's hosts; beyond, their number is said. */
const named_max = 3

/** `all`: find room. */
function Where({ placement, all }: { placement: NonNullable<InstancePlan['placement']>; all: boolean }) {
  const { fitted: count, zones, hosts, refusals } = placement
  const names = zones.map(one => (zones.length > 1 ? `${one.zone} (${one.instances})` : one.zone)).join(', ')
  const chosen = hosts?.filter(one => one.instances > 0) ?? []
  const on =
    chosen.length > named_max ? words('where.many', { n: chosen.length }) : chosen.map(one => one.host).join(', ')
  const fitting = hosts?.filter(one => one.refused === null) ?? []
  const best = Math.max(...fitting.map(one => one.score ?? 0))
  const tie = count === 1 && fitting.filter(one => one.score === best).length > 1
  const refused = Object.entries(refusals)
  return (
    <>
      {all && hosts && (
        <p>
          {words('where.hosts', { host: on, zones: names, count })} {words('where.why', { n: fitting.length })}{' '}
          {tie && words('where.tie')}
        </p>
      )}
      {all && !hosts && <p>{words('where.zones', { zones: names, count })}</p>}
      {!hosts && refused.length > 0 && (
        <div>
          <p>{words('where.refused')}</p>
          <ul className="croft-plan-reasons">
            {refused.map(([filter, n]) => (
              <li key={filter}>{words.maybe(`filter.${filter}`, { n }) ?? `${filter}: ${n}`}</li>
            ))}
          </ul>
        </div>
      )}
      {hosts && <PlanHosts hosts={hosts} />}
    </>
  )
}
