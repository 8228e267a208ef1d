/** Times as the user wants them, in local time, UTC or another zone, by Intl; the exact one in a tooltip. Sizes and numbers, too. */
import { usePreferences } from '../session/preferences.ts'
import { language, regional } from '../text/language.ts'
import { type TimeZone, zoneName } from '../text/time-zone.ts'

const formats = new Map<string, Intl.DateTimeFormat>()
const styles = { short: ['medium', 'short'], seconds: ['medium', 'medium'], full: ['full', 'long'] } as const

/** Kept: to make one takes longer than to use it, and lists use one for each cell. */
function formatOf(zone: TimeZone, style: string, options: () => Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const key = `${language()} ${zone} ${style}`
  const kept = formats.get(key)
  if (kept) return kept
  const format = new Intl.DateTimeFormat(regional(), { ...options(), timeZone: zoneName(zone) })
  formats.set(key, format)
  return format
}

export function timeText(time: string, zone: TimeZone, style: keyof typeof styles = 'short'): string {
  const [dateStyle, timeStyle] = styles[style]
  return formatOf(zone, style, () => ({ dateStyle, timeStyle })).format(new Date(time))
}

/** A time of the present year without that: in a column it takes the room of others, and goes without saying. */
function briefText(time: string, zone: TimeZone): string {
  const year = formatOf(zone, 'year', () => ({ year: 'numeric' }))
  const at = new Date(time)
  if (year.format(at) !== year.format(new Date())) return timeText(time, zone)
  return formatOf(zone, 'brief', briefStyle).format(at)
}

/** Hours as `timeStyle` has them, which goes with no other field. */
function briefStyle(): Intl.DateTimeFormatOptions {
  const { hour12 } = new Intl.DateTimeFormat(regional(), { hour: 'numeric' }).resolvedOptions()
  return { month: 'short', day: 'numeric', hour: hour12 ? 'numeric' : '2-digit', minute: '2-digit' }
}

const recent_ms = 60 * 60 * 1000

interface TimeProps {
  at: string | null | undefined
  seconds?: boolean | 'recent'
  brief?: boolean
}

/**
 * With its zone and its seconds in the tooltip. `seconds`: to be read at once, as of what takes seconds; 'recent': within an hour of now, where one
 * thing follows another. `brief`: for a column of a list with little room.
 */
export function Time({ at, seconds = false, brief = false }: TimeProps) {
  const { time_zone } = usePreferences()
  if (!at) return <>–</>
  const exact = seconds === 'recent' ? Math.abs(Date.now() - Date.parse(at)) < recent_ms : seconds
  return (
    <time dateTime={at} title={timeText(at, time_zone, 'full')}>
      {brief && !exact ? briefText(at, time_zone) : timeText(at, time_zone, exact ? 'seconds' : 'short')}
      {time_zone === 'utc' ? ' UTC' : ''}
    </time>
  )
}

export function number(value: number, digits = 0): string {
  return new Intl.NumberFormat(language(), { maximumFractionDigits: digits }).format(value)
}

const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'] as const

/** 1536 MiB is "1.5 GiB". */
export function size(value: number, unit: (typeof units)[number] = 'B'): string {
  let at = units.indexOf(unit)
  let rest = value
  while (rest >= 1024 && at < units.length - 1) {
    rest /= 1024
    at++
  }
  return `${number(rest, rest < 10 ? 1 : 0)} ${units[at]}`
}
