/** Only hosts whose agent is linked. */
import type { Filter } from '../filter.ts'

export const answers: Filter = {
  fault: 'no answer',
  refuses: host => !host.answers,
  why: () => 'does not answer',
}
