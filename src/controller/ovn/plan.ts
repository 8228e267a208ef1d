/**
 * Pure: what Croft wants of the network → the rows that OVN's northbound database should hold for it, each marked with
 * croft:id and croft:kind. The same snapshot gives the same rows.
 * Not its job: what is there already (diff.ts).
 */
import { makeContext, type PlanOptions } from './context.ts'
import { planDhcp } from './dhcp.ts'
import { planRouters, routerPorts } from './router.ts'
import { DesiredRows } from './rows.ts'
import { planSecurityGroups } from './security-group.ts'
import { planSwitches } from './switch.ts'
import type { Topology } from './topology.ts'

export type { PlanOptions } from './context.ts'

export interface Plan {
  readonly rows: DesiredRows
  /** What was left out because it does not hold together, as sentences with ids. Empty when all is well. */
  readonly problems: readonly string[]
}

export function plan(topology: Topology, options: PlanOptions = {}): Plan {
  const rows = new DesiredRows()
  const context = makeContext(topology, options, rows)
  planDhcp(context)
  const owners = routerPorts(context)
  planSwitches(context, owners)
  planRouters(context, owners, topology.floating_ips)
  planSecurityGroups(context)
  return { rows, problems: context.problems }
}
