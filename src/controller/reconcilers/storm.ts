/**
 * The storm brake: when more than a share of a zone's hosts vanishes at once, the network is suspected, and not they. Then nothing is
 * fenced nor restarted there, an alarm is raised, and it ends by itself when enough of them have been back for a while, or an operator
 * says that they are truly down.
 */
import { isPast, isStorm, lossRules, storm_window_ms } from '../../model/host-state.ts'
import type { Cloud } from '../cloud.ts'
import { type AbsentHost, absence } from '../store/absence.ts'
import { channels } from '../store/database.ts'
import { event } from '../store/event.ts'
import { storm } from '../store/storm.ts'

/** Since when so few hosts of a stormy zone are gone that it may end; by the steady clock of the controller that leads. Another begins to wait anew. */
export type CalmSince = Map<string, number>

/** By zone, why nothing is done there. Notes storms that begin, grow and end. */
export async function brake(
  cloud: Cloud,
  absent: readonly AbsentHost[],
  now_ms: number,
  calm: CalmSince,
): Promise<Map<string, string>> {
  const { database, settings } = cloud
  const held = new Map<string, string>()
  const known = await storm.list(database.db)
  if (absent.length === 0 && known.size === 0) return held
  const present = await absence.presentByZone(database.db)
  const zones = new Set([...absent.map(one => one.zone_id), ...known.keys()])
  for (const zone_id of zones) {
    const rules = {
      share_percent: settings.at('ha.storm_share_percent', { zone_id }),
      hosts_min: settings.at('ha.storm_hosts_min', { zone_id }),
    }
    const since_ms = known.get(zone_id)?.since.getTime() ?? now_ms
    const gone = absent.filter(one => one.zone_id === zone_id && counts(one, since_ms, now_ms)).length
    const hosts = gone + (present.get(zone_id) ?? 0)
    if (!isStorm(gone, hosts - gone, rules)) {
      const noted = known.get(zone_id)
      if (!noted) continue
      // Those that are still gone are about to dial in, too: agents wait for up to half a minute between their tries, each by its own dice.
      if (noted.overridden_at === null && !isSettled(cloud, zone_id, calm)) held.set(zone_id, coming_back)
      else {
        await end(cloud, zone_id)
        calm.delete(zone_id)
      }
      continue
    }
    calm.delete(zone_id)
    await note(cloud, zone_id, gone, hosts)
    if (known.get(zone_id)?.overridden_at) continue
    held.set(
      zone_id,
      `${gone} of ${hosts} hosts of the zone vanished at once, more than ${rules.share_percent} %: the network is suspected, and not they. ` +
        'If they are truly down: croft zone override-storm.',
    )
  }
  return held
}

const coming_back =
  'Hosts of the zone are coming back after so many vanished at once: the others are given the time to do so, too. ' +
  'If they are truly down: croft zone override-storm.'

function isSettled({ clock, settings }: Cloud, zone_id: string, calm: CalmSince): boolean {
  const now_ms = clock.steady_ms()
  const since_ms = calm.get(zone_id) ?? now_ms
  calm.set(zone_id, since_ms)
  return now_ms - since_ms >= settings.get('ha.settle_s') * 1000
}

/** Whether it went at about that time, and not just for a moment. One that is fenced is explained; one in maintenance was switched off. */
function counts({ absence: one, maintenance }: AbsentHost, since_ms: number, now_ms: number): boolean {
  const lasts = isPast(one.since_ms, lossRules.patience_ms[one.cause], now_ms)
  return one.fenced_ms === null && !maintenance && lasts && one.since_ms > since_ms - storm_window_ms
}

async function note(cloud: Cloud, zone_id: string, gone: number, hosts: number): Promise<void> {
  await cloud.database.transaction(async tx => {
    const came = await storm.note(tx, zone_id, gone, hosts)
    if (came === 'same') return
    const detail = { storm: came, gone, hosts }
    await event.record(tx, [{ noun: 'zone', kind: 'changed', resource_id: zone_id, project_id: null, detail }])
    if (came === 'begun')
      cloud.log.error({ zone_id, gone, hosts }, 'so many hosts vanished at once that nothing is fenced')
  })
}

async function end(cloud: Cloud, zone_id: string): Promise<void> {
  await cloud.database.transaction(async tx => {
    if (!(await storm.end(tx, zone_id))) return
    const detail = { storm: 'ended' }
    await event.record(tx, [{ noun: 'zone', kind: 'changed', resource_id: zone_id, project_id: null, detail }])
    await event.notify(tx, channels.absence, '')
  })
}
