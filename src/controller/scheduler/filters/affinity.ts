/** A group of the policy 'affinity': where its first member is, all are. */
import type { Filter } from '../filter.ts'

export const affinity: Filter = {
  fault: 'not where its group is',
  remedy: 'free room on the host of the group, or make it in no group',
  remedy_elsewhere: 'free room on the host of its group',
  applies: asked => asked.group?.policy === 'affinity',
  refuses: (_, claims) => claims.round.group_hosts > 0 && claims.members === 0,
  why: (_, __, asked) => `has none of the group ${asked.group?.name}, which stays together`,
}
