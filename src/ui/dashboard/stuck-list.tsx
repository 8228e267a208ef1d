/** Highly available instances that were to run elsewhere, and do not, each with what keeps it. */
import type { Host } from '../../api/host.ts'
import { useRead } from '../api/read.ts'
import { routes } from '../api/routes.ts'
import { isAway } from '../../model/host-attention.ts'
import { ThingLink, To } from '../parts/link.tsx'
import { StateLabel } from '../parts/state.tsx'
import { Told } from '../parts/told.tsx'
import { may, useSession } from '../session/session.ts'
import { isLost, type Stuck, stormyOf, stuckOf } from './stuck.ts'
import { words } from './text.ts'

const shown_max = 12
/** So many of each, of restarts the newest first. */
const read_max = 200

/**
 * Where a restart is under way and something keeps it, and where none could begin, as their host is lost and nothing can take them. The second is
 * asked only while a host is lost. `more`: there may be more than were read.
 */
export function useStuck(hosts: readonly Host[]) {
  const session = useSession()
  const all_projects = session.permissions.system.includes('instance.read') ? { all_projects: true } : {}
  const restarts = useRead(
    routes['ha-restart'].list,
    { query: { limit: read_max, ...all_projects } },
    { follows: ['ha-restart'], enabled: may(session, routes['ha-restart'].list) },
  )
  const zones = useRead(
    routes.zone.list,
    { query: { limit: read_max } },
    { follows: ['zone'], enabled: hosts.some(isAway) },
  )
  const stormy = stormyOf(zones.data?.items ?? [])
  const lost = new Set(hosts.flatMap(one => (isLost(one, stormy) ? one.id : [])))
  const waiting = useRead(
    routes.instance.list,
    { query: { limit: read_max, ha_obstacle: true, state: ['unknown'], ...all_projects } },
    { follows: ['host', 'ha-restart', 'zone'], enabled: lost.size > 0 && may(session, routes.instance.list) },
  )
  const here = lost.size > 0 ? waiting.data : undefined
  // Those that are open are among the newest: there may be more of them only where the oldest that was read is open, too.
  const open_beyond = restarts.data?.next && restarts.data.items.at(-1)?.ended_at === null
  return {
    stuck: stuckOf(restarts.data?.items ?? [], here?.items ?? [], lost),
    more: Boolean(here?.next || open_beyond),
    reads: [restarts, zones, waiting],
  }
}

export function StuckList({ stuck, more }: { stuck: readonly Stuck[]; more: boolean }) {
  return (
    <div>
      <div className="croft-card-head">
        <StateLabel tone="bad">{words(more ? 'health.stuck.more' : 'health.stuck', { n: stuck.length })}</StateLabel>
        <To to="/ha-restarts">{words('all')}</To>
      </div>
      <ul className="croft-plain-list">
        {stuck.slice(0, shown_max).map(({ id, name, reason }) => (
          <li key={id}>
            <ThingLink noun="instance" id={id}>
              {name}
            </ThingLink>
            : <Told text={reason} />
          </li>
        ))}
        {stuck.length > shown_max && <li>…</li>}
      </ul>
    </div>
  )
}
