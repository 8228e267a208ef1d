/** For operators: each host that was looked at, what it scored or why it cannot take the instance. */
import { Button } from '@patternfly/react-core'
import { useState } from 'react'
import type { InstancePlan } from '../../api/placement.ts'
import { ThingLink } from '../parts/link.tsx'
import { StateLabel } from '../parts/state.tsx'
import { number } from '../parts/time.tsx'
import { words } from './create-text.ts'

type Verdict = NonNullable<NonNullable<InstancePlan['placement']>['hosts']>[number]

const shown_max = 4

export function PlanHosts({ hosts }: { hosts: readonly Verdict[] }) {
  const [all, setAll] = useState(false)
  if (hosts.length === 0) return <p className="croft-muted">{words('hosts.none')}</p>
  const shown = all ? hosts : hosts.slice(0, shown_max)
  const weights = (one: Verdict) =>
    Object.entries(one.weights)
      .map(([name, part]) => `${words.maybe(`weight.${name}`) ?? name} ${number(part, 2)}`)
      .join(' + ')
  return (
    <>
      <table className="croft-table croft-plan-hosts" aria-label={words('hosts')}>
        <thead>
          <tr>
            <th scope="col">{words('host')}</th>
            <th scope="col">{words('hosts.why')}</th>
            <th scope="col" className="croft-numeric">
              {words('hosts.score')}
            </th>
          </tr>
        </thead>
        <tbody>
          {shown.map(one => (
            <tr key={one.host_id}>
              <td>
                <ThingLink noun="host" id={one.host_id}>
                  {one.host}
                </ThingLink>
              </td>
              <td>
                {one.refused !== null ? (
                  <>
                    <StateLabel tone="off">{words('hosts.refused')}</StateLabel>
                    <div className="croft-plan-note">{one.refused}</div>
                  </>
                ) : (
                  <>
                    {one.instances > 0 ? (
                      <StateLabel tone="good">{words('hosts.chosen', { n: one.instances })}</StateLabel>
                    ) : (
                      words('hosts.fits')
                    )}
                    <div className="croft-plan-note croft-muted">{weights(one)}</div>
                  </>
                )}
              </td>
              <td className="croft-numeric">{one.score === null ? '–' : number(one.score, 2)}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {hosts.length > shown_max && (
        <div>
          <Button variant="link" isInline aria-expanded={all} onClick={() => setAll(!all)}>
            {all ? words('hosts.fewer') : words('hosts.all', { n: hosts.length })}
          </Button>
        </div>
      )}
    </>
  )
}
