/** A group of the policy 'affinity': where its first member is, all are. */
import type { Filter } from '../filter.ts'

export const affinity: Filter = {
  fault: 'not where its group is',
  applies: asked => asked.group?.policy === 'affinity',
  refuses: (_, claims) => claims.round.group_hosts > 0 && claims.members === 0,
  why: (_, __, asked) => `has none of the group ${asked.group?.name}, which stays together`,
}
