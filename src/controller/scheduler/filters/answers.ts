/** Only hosts whose agent is linked. */
import type { Filter } from '../filter.ts'

export const answers: Filter = {
  fault: 'no answer',
  remedy: 'bring the hosts back that do not answer',
  refuses: host => !host.answers,
  why: () => 'does not answer',
}
