/** Why an instance runs where it does: what each host scored, or why it was refused. */
import { Button } from '@patternfly/react-core'
import { useState } from 'react'
import type { Instance } from '../../api/instance.ts'
import type { Placement } from '../../api/placement.ts'
import { ApiProblem } from '../../sdk/errors.ts'
import { useRead } from '../api/read.ts'
import { routes } from '../api/routes.ts'
import { ThingLink } from '../parts/link.tsx'
import { Loading } from '../parts/loading.tsx'
import { ProblemAlert } from '../parts/problem.tsx'
import { SimpleTable } from '../parts/simple-table.tsx'
import { StateLabel } from '../parts/state.tsx'
import { number, Time } from '../parts/time.tsx'
import { words as created } from './create-text.ts'
import { words } from './text.ts'

export default function InstancePlacement({ item }: { item: Instance }) {
  const { data, error, isPending } = useRead(
    routes.instance.explain,
    { params: { instance: item.id } },
    { follows: ['instance'], of: item.id },
  )
  if (isPending) return <Loading />
  if (error instanceof ApiProblem && error.status === 404)
    return <p className="croft-muted">{words('placement.none')}</p>
  if (error) return <ProblemAlert error={error} />
  return (
    <div className="croft-stack">
      <p>
        <Time at={data.created_at} /> · {words('placement.about')}
      </p>
      <Decision placement={data} />
      {data.refused_since && (
        <section className="croft-stack">
          <h2>{words('placement.refused_since')}</h2>
          <p>
            <Time at={data.refused_since.created_at} /> · {words('placement.refused_about')}
          </p>
          <Decision placement={data.refused_since} />
        </section>
      )}
    </div>
  )
}

/** What each host said, and for what the others were refused. */
export function Decision({ placement: data }: { placement: Placement }) {
  const refused = Object.entries(data.refusals)
  // Of many hosts only the best are told of.
  const more = (data.fitting ?? 0) - data.hosts.filter(host => host.refused === null).length
  // Somebody who may not see hosts is told of none of them.
  const is_untold = data.hosts.length === 0 && (data.host_id !== null || refused.length > 0)
  return (
    <div className="croft-stack">
      {is_untold ? <p className="croft-muted">{words('placement.untold')}</p> : <Hosts placement={data} />}
      {!is_untold && more > 0 && <p className="croft-muted">{words('placement.fit_more', { n: more })}</p>}
      {data.reasons.length > 0 && <Reasons reasons={data.reasons} />}
    </div>
  )
}

/** However many hosts there are: one line for each reason, with some of them for who may see hosts. */
function Reasons({ reasons }: Pick<Placement, 'reasons'>) {
  const named = reasons.some(one => one.examples.length > 0)
  return (
    <SimpleTable
      label={words('placement.refusals')}
      items={reasons}
      keyOf={one => one.filter}
      empty="–"
      columns={[
        {
          title: words('placement.reason'),
          // How many they are is within the sentence.
          cell: one => created.maybe(`filter.${one.filter}`, { n: one.hosts }) ?? `${one.reason}: ${number(one.hosts)}`,
        },
        ...(named ? [{ title: words('placement.examples'), cell: examplesOf }] : []),
      ]}
    />
  )
}

function examplesOf({ examples, hosts }: Placement['reasons'][number]) {
  return (
    <>
      {examples.map((one, n) => (
        <span key={one.host_id}>
          {n > 0 && ', '}
          <ThingLink noun="host" id={one.host_id}>
            {one.host}
          </ThingLink>
        </span>
      ))}
      {hosts > examples.length && ` ${words('placement.more', { n: hosts - examples.length })}`}
    </>
  )
}

/** What is read at a glance; a decision tells of up to a hundred. */
const shown_max = 20

/** The best first, then those that refused. */
function Hosts({ placement: data }: { placement: Placement }) {
  const [all, setAll] = useState(false)
  const weights = [...new Set(data.hosts.flatMap(host => Object.keys(host.weights)))].sort()
  const hosts = data.hosts.toSorted((one, other) => (other.score ?? -Infinity) - (one.score ?? -Infinity))
  return (
    <>
      <SimpleTable
        label={words('placement')}
        items={all ? hosts : hosts.slice(0, shown_max)}
        keyOf={host => host.host_id}
        empty={words('placement.none')}
        columns={[
          {
            title: words('host'),
            cell: host => (
              <ThingLink noun="host" id={host.host_id}>
                {host.host}
              </ThingLink>
            ),
          },
          {
            title: words('placement.why'),
            cell: host =>
              host.refused !== null ? (
                <StateLabel tone="off">{host.refused}</StateLabel>
              ) : host.host_id === data.host_id ? (
                <StateLabel tone="good">{words('placement.chosen')}</StateLabel>
              ) : (
                words('placement.fits')
              ),
          },
          ...weights.map(weight => ({
            title: created.maybe(`weight.${weight}`) ?? weight,
            cell: (host: (typeof hosts)[number]) =>
              host.weights[weight] === undefined ? '–' : number(host.weights[weight], 3),
            numeric: true,
          })),
          {
            title: words('placement.score'),
            cell: host => (host.score === null ? '–' : number(host.score, 3)),
            numeric: true,
          },
        ]}
      />
      {hosts.length > shown_max && (
        <div>
          <Button variant="link" isInline aria-expanded={all} onClick={() => setAll(!all)}>
            {all ? created('hosts.fewer') : created('hosts.all', { n: hosts.length })}
          </Button>
        </div>
      )}
    </>
  )
}
