import { securityGroupRoutes } from '../../api/security-group.ts'
import {
  addRule,
  createSecurityGroup,
  deleteSecurityGroup,
  getSecurityGroup,
  listSecurityGroups,
  removeRule,
  updateSecurityGroup,
} from '../app/security-group.ts'
import { checkPacketOf } from '../app/packet-check.ts'
import { answer, handle } from './handle.ts'

export const securityGroupHandlers = [
  handle(securityGroupRoutes.list, async ({ cloud, caller, query }) =>
    answer(await listSecurityGroups(cloud, caller, query)),
  ),
  handle(securityGroupRoutes.get, async ({ cloud, caller, params }) => {
    const found = await getSecurityGroup(cloud, caller, params.security_group)
    return answer(found, found.version)
  }),
  handle(securityGroupRoutes.create, async ({ cloud, caller, body }) => {
    const made = await createSecurityGroup(cloud, caller, body)
    return answer(made, made.version)
  }),
  handle(securityGroupRoutes.update, async ({ cloud, caller, params, body }) => {
    const changed = await updateSecurityGroup(cloud, caller, params.security_group, body)
    return answer(changed, changed.version)
  }),
  handle(securityGroupRoutes.delete, async ({ cloud, caller, params }) =>
    answer(await deleteSecurityGroup(cloud, caller, params.security_group)),
  ),
  handle(securityGroupRoutes.addRule, async ({ cloud, caller, params, body }) =>
    answer(await addRule(cloud, caller, params.security_group, body)),
  ),
  handle(securityGroupRoutes.removeRule, async ({ cloud, caller, params }) =>
    answer(await removeRule(cloud, caller, params.security_group, params.rule)),
  ),
  handle(securityGroupRoutes.check, async ({ cloud, caller, body }) =>
    answer(await checkPacketOf(cloud, caller, body)),
  ),
]
