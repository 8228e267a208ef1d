/** A group of the policy 'affinity': where its first member is, all are. */
import type { Filter } from '../filter.ts'
import type { PlacementAsked } from '../snapshot.ts'

const isWithIts = (asked?: PlacementAsked): boolean =>
  asked?.around?.group_hosts?.has(asked.around.own_host_id ?? '') === true

export const affinity: Filter = {
  fault: 'not where its group is',
  remedy: 'free room on the host of the group, or make it in no group',
  remedy_elsewhere: asked =>
    isWithIts(asked)
      ? 'leave it with its group, which is where it is: all of it moves when that host is emptied (croft host maintenance start)'
      : 'free room on the host of its group',
  stays: isWithIts,
  applies: asked => asked.group?.policy === 'affinity',
  refuses: (_, claims) => claims.round.group_hosts > 0 && claims.members === 0,
  why: (_, __, asked) => `has none of the group ${asked.group?.name}, which stays together`,
}
