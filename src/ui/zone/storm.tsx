/** So many hosts of a zone vanished at once that nothing is fenced: why, and how to go on. */
import { Alert } from '@patternfly/react-core'
import type { Zone } from '../../api/zone.ts'
import { useRead } from '../api/read.ts'
import { routes } from '../api/routes.ts'
import { CallButton } from '../parts/call-button.tsx'
import { ProblemAlert } from '../parts/problem.tsx'
import { StateLabel } from '../parts/state.tsx'
import { Time } from '../parts/time.tsx'
import { words } from './storm-text.ts'

export function StormAlert({ zone: { id, name, storm } }: { zone: Zone }) {
  if (!storm) return null
  const { gone, hosts, overridden_at } = storm
  return (
    <Alert isInline variant={overridden_at ? 'warning' : 'danger'} title={words('title', { gone, hosts, name })}>
      <p>
        <Time at={storm.since} seconds />
      </p>
      <p>{overridden_at ? words('overridden') : words('why')}</p>
      {!overridden_at && <Override id={id} gone={gone} label={`${words('override')}: ${name}`} />}
    </Alert>
  )
}

function Override({ id, gone, label }: { id: string; gone: number; label: string }) {
  return (
    <CallButton
      title={words('override')}
      label={label}
      route={routes.zone.override}
      input={{ params: { zone: id } }}
      confirm={{ title: words('override.title'), body: words('override.body', { gone }) }}
      danger
    />
  )
}

/**
 * On the page of a host that is gone, in place of what its reason says of it: that it is the brake that keeps it from being fenced. Why it holds is
 * above every page (storm-banner.tsx). A host is known by its zone's name alone.
 */
export function HeldByStorm({ zone: name }: { zone: string }) {
  const { data, error } = useRead(routes.zone.list, { query: { name } }, { follows: ['zone'] })
  if (error) return <ProblemAlert error={error} />
  const zone = data?.items[0]
  if (!zone?.storm || zone.storm.overridden_at !== null) return null
  const { gone, hosts } = zone.storm
  return (
    <p>
      <strong>
        {words('held')} {words('title', { gone, hosts, name })}.
      </strong>{' '}
      <Override id={zone.id} gone={gone} label={`${words('override')}: ${words('held.zone', { name })}`} />
    </p>
  )
}

/** In a list, in a word. */
export function StormState({ zone: { storm } }: { zone: Zone }) {
  if (!storm) return <>–</>
  const counts = words('counts', { gone: storm.gone, hosts: storm.hosts })
  return (
    <StateLabel tone={storm.overridden_at ? 'warn' : 'bad'} why={words(storm.overridden_at ? 'overridden' : 'why')}>
      {counts}
    </StateLabel>
  )
}
