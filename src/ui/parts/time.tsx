/** Times as the user wants them, in local time, UTC or another zone, by Intl; the exact one in a tooltip. Sizes and numbers, too. */
import { usePreferences } from '../session/preferences.ts'
import { language, regional } from '../text/language.ts'
import { type TimeZone, zoneName } from '../text/time-zone.ts'

const formats = new Map<string, Intl.DateTimeFormat>()

export function timeText(time: string, zone: TimeZone, style: 'short' | 'full' = 'short'): string {
  const key = `${language()} ${zone} ${style}`
  const format =
    formats.get(key) ??
    new Intl.DateTimeFormat(regional(), {
      dateStyle: style === 'full' ? 'full' : 'medium',
      timeStyle: style === 'full' ? 'long' : 'short',
      timeZone: zoneName(zone),
    })
  formats.set(key, format)
  return format.format(new Date(time))
}

export function Time({ at }: { at: string | null | undefined }) {
  const { time_zone } = usePreferences()
  if (!at) return <>–</>
  return (
    // The exact one is made when somebody points at it: a list has many times, and the long form takes longer than all else of a row.
    <time
      dateTime={at}
      onPointerEnter={event => {
        event.currentTarget.title = timeText(at, time_zone, 'full')
      }}
    >
      {timeText(at, time_zone)}
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
