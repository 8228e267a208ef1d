/** The zone that times are shown in: the browser's, UTC, or any that the browser knows by its name in the IANA's database. */

/** 'local', 'utc' or a name as 'Asia/Tokyo'. */
export type TimeZone = string

/** For Intl and for uPlot; undefined is the browser's own, as of a name that this browser does not know. */
export function zoneName(zone: TimeZone): string | undefined {
  if (zone === 'local') return undefined
  if (zone === 'utc') return 'UTC'
  return isKnown(zone) ? zone : undefined
}

function isKnown(name: string): boolean {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: name }).format(0) !== ''
  } catch {
    return false
  }
}

/** What the clocks of a zone show, told as if it were UTC. */
function wall_ms(at_ms: number, name: string): number {
  const parts = new Intl.DateTimeFormat('en', {
    timeZone: name,
    hourCycle: 'h23',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
    second: 'numeric',
  }).formatToParts(at_ms)
  const of = (type: string) => Number(parts.find(part => part.type === type)?.value)
  return Date.UTC(of('year'), of('month') - 1, of('day'), of('hour'), of('minute'), of('second'))
}

/**
 * The moment at which a zone's clocks show `text` (2026-11-21T14:30, seconds optional), in ms since 1970; what says its zone itself keeps
 * it. NaN when it is no time. An hour that a clock skips counts as the one after, of one shown twice it is the first or the second.
 */
export function momentOf(text: string, zone: TimeZone): number {
  const name = zoneName(zone)
  if (name === undefined || /(Z|[+-]\d\d:\d\d)$/.test(text)) return Date.parse(text)
  const wanted_ms = Date.parse(`${text}Z`)
  if (Number.isNaN(wanted_ms)) return Number.NaN
  const near_ms = wanted_ms - (wall_ms(wanted_ms, name) - wanted_ms)
  // The zone's offset may be another one there than at the first guess.
  return near_ms - (wall_ms(near_ms, name) - wanted_ms)
}
