/** What of an evacuation is told that does not come to its end, or is followed by a refusal: whatever went by then stays where it went. */
import type { hostRoutes } from '../../api/host.ts'
import type { ReplyOf } from '../../api/route.ts'
import { isDatabaseAway } from '../../lib/database-away.ts'
import { CloudError } from '../../model/errors.ts'
import type { Caller } from './caller.ts'

export type Evacuated = ReplyOf<typeof hostRoutes.evacuate>
type Went = Evacuated['evacuated']

const named_max = 20

export function someOf(words: readonly string[], between = ', '): string {
  const more = words.length - named_max
  return words.slice(0, named_max).join(between) + (more > 0 ? ` and ${more} more` : '')
}

function wentWords(went: Went): string {
  if (went.length === 0) return 'Nothing has gone to another host yet.'
  const names = someOf(went.map(one => `${one.instance} (to ${one.host})`))
  return went.length === 1
    ? `This one has gone already: ${names}.`
    : `These ${went.length} have gone already: ${names}.`
}

export interface Unsure {
  instance_id: string
  instance: string
}

/** The database went away at one of them. `not_tried`: how many were still to come. */
export function brokenOff(
  host: string,
  { evacuated, left, host_reason }: Evacuated,
  unsure: Unsure,
  not_tried: number,
  cause: unknown,
) {
  const rest = not_tried > 0 ? ` ${not_tried} more were not tried.` : ''
  return new CloudError(
    'unavailable',
    `The database does not answer, so the evacuation of ${host} is not at its end. ${wentWords(evacuated)} Whether ${unsure.instance} has is not known.${rest} Ask again: it goes on from there.`,
    { evacuated, left, host_reason, unsure: [unsure], not_tried },
    { cause },
  )
}

/** Why one stays of which nobody thought: the others go on. */
export const somethingWrong = ({ request }: Caller): string =>
  `Something went wrong inside Croft; the log has it under request ${request.id}.`

/** What came after the evacuation was refused, or failed: that says what has gone, too. */
export function alsoWent(caller: Caller, evacuated: Went, error: unknown): unknown {
  if (evacuated.length === 0) return error
  const went = wentWords(evacuated)
  if (error instanceof CloudError)
    return new CloudError(
      error.code,
      `${error.message} ${went}`,
      { ...error.detail, evacuated },
      { cause: error.cause },
    )
  const away = isDatabaseAway(error)
  const why = away ? 'The database does not answer.' : somethingWrong(caller)
  const look = 'Whether the rest was done is not known: look, or ask again.'
  return new CloudError(away ? 'unavailable' : 'internal', `${why} ${went} ${look}`, { evacuated }, { cause: error })
}
