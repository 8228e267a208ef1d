/** A sentence of the API's, in which times are told as the user has them. */
import { Fragment } from 'react'
import { usePreferences } from '../session/preferences.ts'
import { partsOf } from '../text/time-in-words.ts'
import type { TimeZone } from '../text/time-zone.ts'
import { Time, timeText } from './time.tsx'

/** Where a list has no room for all of it, the tooltip has. */
export function Told({ text }: { text: string | null | undefined }) {
  const { time_zone } = usePreferences()
  if (!text) return <>–</>
  return (
    <span className="croft-told" title={toldText(text, time_zone)}>
      {partsOf(text).map((part, n) => (
        // Nothing of a sentence changes its place.
        <Fragment key={n}>{part.at === undefined ? part.text : <Time at={part.at} seconds />}</Fragment>
      ))}
    </span>
  )
}

/** The same where no more than a text can be: a tooltip, a name for those who hear it. */
export function toldText(text: string, zone: TimeZone): string {
  return partsOf(text)
    .map(part => (part.at === undefined ? part.text : timeText(part.at, zone, 'seconds')))
    .join('')
}

export function useToldText(text: string): string {
  const { time_zone } = usePreferences()
  return toldText(text, time_zone)
}
