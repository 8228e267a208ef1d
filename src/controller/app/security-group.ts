/** Security groups: what traffic reaches a port. Rules only allow; what no rule allows is dropped. */
import type { BodyOf, QueryOf } from '../../api/route.ts'
import type { RuleAsked, SecurityGroup, SecurityGroupRule, securityGroupRoutes } from '../../api/security-group.ts'
import { CloudError, notFound } from '../../model/errors.ts'
import type { SecurityGroupId, SecurityGroupRuleId } from '../../model/ids.ts'
import { limits } from '../../model/limits.ts'
import { type Cloud, type Makes, makeId } from '../cloud.ts'
import { onConstraint } from '../store/constraint.ts'
import type { Tx } from '../store/database.ts'
import { event } from '../store/event.ts'
import type { Page } from '../store/page.ts'
import { projectQuota } from '../store/project-quota.ts'
import { type NewRule, type SecurityGroupRow, securityGroup } from '../store/security-group.ts'
import { type Caller, checkVersion, projectOf, visibleProject } from './caller.ts'
import { change } from './change.ts'
import { type Changed, checkMayChange, instancesReached, mayRead, networksChanged } from './network-change.ts'
import { planRule } from './security-group-rules.ts'

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
function openRule(
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

export function listSecurityGroups(
  cloud: Cloud,
  caller: Caller,
  query: QueryOf<typeof securityGroupRoutes.list>,
): Promise<Page<SecurityGroup>> {
  return securityGroup.list(cloud.database.db, visibleProject(caller, 'network.read', query.all_projects), query)
}

export async function getSecurityGroup(cloud: Cloud, caller: Caller, id: string): Promise<SecurityGroup> {
  const found = await securityGroup.find(cloud.database.db, id)
  if (!found || !mayRead(caller, found)) throw notFound('security group', id)
  return found
}

export function createSecurityGroup(
  cloud: Cloud,
  caller: Caller,
  asked: BodyOf<typeof securityGroupRoutes.create>,
): Promise<SecurityGroup> {
  return change(cloud, caller, async tx => {
    const project_id = projectOf(caller)
    const { name, description = '' } = asked
    if (name === 'default') {
      throw new CloudError(
        'name_taken',
        "The name 'default' is kept for the group that every project has. Choose another.",
      )
    }
    const id = makeId<SecurityGroupId>(cloud)
    await projectQuota.charge(tx, project_id, { security_groups: 1 })
    await onConstraint(securityGroup.insert(tx, { id, project_id, name, description }), nameTaken(name))
    await securityGroup.insertRules(tx, id, [
      openRule(cloud, 'egress', 'ipv4', null),
      openRule(cloud, 'egress', 'ipv6', null),
    ])
    return await done(tx, caller, 'created', { id, project_id })
  })
}

function nameTaken(name: string) {
  return {
    security_group_project_id_name_key: () =>
      new CloudError('name_taken', `The project has a security group '${name}' already. Choose another name.`),
  }
}

async function done(
  tx: Tx,
  caller: Caller,
  kind: 'created' | 'changed',
  row: { id: string; project_id: string },
): Promise<SecurityGroup> {
  await networksChanged(tx, caller, [{ noun: 'security-group', kind, id: row.id, project_id: row.project_id }])
  const found = await securityGroup.find(tx, row.id)
  if (!found) throw new Error(`security group ${row.id}, just written, is not there`)
  return found
}

async function lockOwn(tx: Tx, caller: Caller, id: string): Promise<SecurityGroupRow> {
  const row = await securityGroup.lock(tx, id)
  checkMayChange(caller, 'security-group.manage', 'security group', row, id)
  checkVersion(caller, row.version)
  return row
}

export function updateSecurityGroup(
  cloud: Cloud,
  caller: Caller,
  id: string,
  asked: BodyOf<typeof securityGroupRoutes.update>,
): Promise<SecurityGroup> {
  return change(cloud, caller, async tx => {
    const row = await lockOwn(tx, caller, id)
    const renamed = asked.name !== undefined && asked.name !== row.name
    if (renamed && (row.is_default || asked.name === 'default')) {
      throw new CloudError(
        'wrong_state',
        "The group 'default' keeps its name, and no other has it: instances without a group get it.",
      )
    }
    await onConstraint(securityGroup.update(tx, id, asked), nameTaken(asked.name ?? row.name))
    // Guests read the names of their groups in metadata.
    if (renamed) await instancesReached(tx, caller, { security_group_id: id })
    return await done(tx, caller, 'changed', row)
  })
}

export function deleteSecurityGroup(cloud: Cloud, caller: Caller, id: string): Promise<null> {
  return change(cloud, caller, async tx => {
    const row = await lockOwn(tx, caller, id)
    if (row.is_default) {
      throw new CloudError('wrong_state', "The group 'default' cannot be deleted. Remove rules from it instead.")
    }
    const ports = await securityGroup.portCount(tx, id)
    if (ports > 0) {
      throw new CloudError(
        'in_use',
        `${ports} ${ports === 1 ? 'port is' : 'ports are'} in the group '${row.name}'. Take these out of it first.`,
        {
          ports,
        },
      )
    }
    await projectQuota.release(tx, row.project_id, { security_groups: 1 })
    const mentioned = await securityGroup.forgetRemote(tx, id)
    await securityGroup.remove(tx, id)
    await networksChanged(tx, caller, [
      ...mentioned.map((other): Changed => ({ noun: 'security-group', kind: 'changed', ...other })),
      { noun: 'security-group', kind: 'deleted', id, project_id: row.project_id },
    ])
    return null
  })
}

export function addRule(cloud: Cloud, caller: Caller, id: string, asked: RuleAsked): Promise<SecurityGroupRule> {
  const made: NewRule = { ...planRule(asked), id: makeId<SecurityGroupRuleId>(cloud) }
  return change(cloud, caller, async tx => {
    const row = await lockOwn(tx, caller, id)
    if (made.remote_group_id !== null) await checkSecurityGroups(tx, row.project_id, [made.remote_group_id])
    if ((await securityGroup.ruleCount(tx, id)) >= limits.rules_per_group_max) {
      throw new CloudError(
        'quota_exceeded',
        `A group has at most ${limits.rules_per_group_max} rules. Put the port into a second group.`,
      )
    }
    await onConstraint(securityGroup.insertRules(tx, id, [made]), {
      security_group_rule_twice: () =>
        new CloudError('conflict', `The group '${row.name}' has this very rule already.`),
    })
    await securityGroup.update(tx, id, {})
    const { rules } = await done(tx, caller, 'changed', row)
    const added = rules.find(rule => rule.id === made.id)
    if (!added) throw new Error(`security group rule ${made.id}, just written, is not there`)
    return added
  })
}

export function removeRule(cloud: Cloud, caller: Caller, id: string, rule_id: string): Promise<null> {
  return change(cloud, caller, async tx => {
    const row = await lockOwn(tx, caller, id)
    if (!(await securityGroup.removeRule(tx, id, rule_id))) throw notFound('security group rule', rule_id)
    await securityGroup.update(tx, id, {})
    await done(tx, caller, 'changed', row)
    return null
  })
}
