/** Security groups: what traffic reaches a port. Rules only allow; what no rule allows is dropped. */
import { CloudError, notFound } from '../../model/errors.ts'
import type { SecurityGroupId, SecurityGroupRuleId } from '../../model/ids.ts'
import { type Cloud, makeId } from '../cloud.ts'
import type { Tx } from '../store/database.ts'
import { event } from '../store/event.ts'
import { type NewRule, securityGroup } from '../store/security-group.ts'

type Makes = Pick<Cloud, 'clock' | 'random'>

/**
 * The project's default group, made when it has none: as in OpenStack all traffic out, and all in from ports of the
 * same group. Returns its id. It counts against no quota, since no user asked for it.
 */
export async function ensureDefaultSecurityGroup(tx: Tx, cloud: Makes, project_id: string): Promise<string> {
  const there = await securityGroup.findDefault(tx, project_id)
  if (there) return there
  const id = makeId<SecurityGroupId>(cloud)
  const description = 'All traffic out; in only from instances of this group'
  if (!(await securityGroup.insertDefault(tx, { id, project_id, description }))) {
    const other = await securityGroup.findDefault(tx, project_id)
    if (other) return other
    // A group that a user named 'default' before there was this one would be the only way here.
    throw new CloudError('conflict', "The project's default security group is being changed. Try again.")
  }
  const ethertypes = ['ipv4', 'ipv6'] as const
  await securityGroup.insertRules(tx, id, [
    ...ethertypes.map(ethertype => openRule(cloud, 'egress', ethertype, null)),
    ...ethertypes.map(ethertype => openRule(cloud, 'ingress', ethertype, id)),
  ])
  await event.record(tx, [{ noun: 'security-group', kind: 'created', resource_id: id, project_id }])
  return id
}

/** All protocols, to anywhere or from the ports of one group. */
export function openRule(
  cloud: Makes,
  direction: NewRule['direction'],
  ethertype: NewRule['ethertype'],
  remote_group_id: string | null,
): NewRule {
  return {
    id: makeId<SecurityGroupRuleId>(cloud),
    direction,
    ethertype,
    protocol: null,
    port_min: null,
    port_max: null,
    remote_cidr: null,
    remote_group_id,
    description: '',
  }
}

/** Throws not_found unless all are groups of the project. */
export async function checkSecurityGroups(tx: Tx, project_id: string, ids: readonly string[]): Promise<void> {
  if (ids.length === 0) return
  const known = await securityGroup.known(tx, project_id, ids)
  const strange = ids.find(id => !known.has(id))
  if (strange !== undefined) throw notFound('security group', strange)
}
