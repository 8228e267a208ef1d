/** A group of the policy 'anti-affinity': no two of it on one host. */
import type { Filter } from '../filter.ts'

export const antiAffinity: Filter = {
  fault: 'has one of its group already',
  remedy: 'add a host, or use a group with a soft policy',
  remedy_elsewhere: 'add a host to its zone',
  applies: asked => asked.group?.policy === 'anti-affinity',
  refuses: (_, claims) => claims.members > 0,
  why: (host, _, { group, around }) =>
    around?.group_hosts?.has(host.id) === true
      ? `has one of the group ${group?.name} already, which stays apart`
      : `would have an earlier one of the same request, and the group ${group?.name} stays apart`,
}
