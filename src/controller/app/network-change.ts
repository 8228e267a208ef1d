/** What every change of logical networks has in common: who may make it, and who is told. */
import { CloudError, notFound } from '../../model/errors.ts'
import type { Permission } from '../../model/permissions.ts'
import { channels, type Tx } from '../store/database.ts'
import { event } from '../store/event.ts'
import { instanceDetails, type Reach, type Reached } from '../store/instance-details.ts'
import { by, type Caller, mayOnSystem } from './caller.ts'

export interface Changed {
  noun: 'network' | 'subnet' | 'port' | 'router' | 'floating-ip' | 'security-group'
  kind: 'created' | 'changed' | 'deleted'
  id: string
  project_id: string
}

/** Records the changes and wakes the reconciler of networks. */
export async function networksChanged(tx: Tx, caller: Caller, changes: readonly Changed[]): Promise<void> {
  await event.record(
    tx,
    changes.map(({ noun, kind, id, project_id }) => ({ noun, kind, resource_id: id, project_id, ...by(caller) })),
  )
  await event.notify(tx, channels.network, '')
}

/**
 * Lets the hosts of the instances that a change reaches hear of it: for guests' metadata, and for what hosts do for
 * networks. Nothing that the API shows of an instance has changed.
 */
export async function hostsReached(tx: Tx, reach: Reach): Promise<Reached[]> {
  const reached = await instanceDetails.bump(tx, reach)
  await event.wakeHosts(
    tx,
    reached.map(each => each.host_id),
  )
  return reached
}

/** The same, where the API shows it of the instances too. */
export async function instancesReached(tx: Tx, caller: Caller, reach: Reach): Promise<void> {
  const reached = await hostsReached(tx, reach)
  await event.record(
    tx,
    reached.map(({ id, project_id }) => ({
      noun: 'instance',
      kind: 'changed',
      resource_id: id,
      project_id,
      ...by(caller),
    })),
  )
}

/** Whether the caller sees something of this project. */
export function mayRead(caller: Caller, row: { project_id: string; shared?: boolean }): boolean {
  return row.project_id === caller.project_id || row.shared === true || mayOnSystem(caller, 'network.read')
}

/**
 * Refuses a change of what is not the caller's project's, unless the permission is held on the system: 'not_found' for
 * what the caller may not even see, 'forbidden' for what others share.
 */
export function checkMayChange(
  caller: Caller,
  permission: Permission,
  noun: string,
  row: { id: string; project_id: string; shared?: boolean } | null,
  id: string,
): asserts row is NonNullable<typeof row> {
  if (!row || !mayRead(caller, row)) throw notFound(noun, id)
  if (row.project_id === caller.project_id || mayOnSystem(caller, permission)) return
  throw new CloudError('forbidden', `The ${noun} ${id} belongs to another project, which shares it for use only.`, {
    noun,
    id,
  })
}

const portWords: Record<string, [string, string]> = {
  instance: ['a port of an instance', 'ports of instances'],
  free: ['a free port', 'free ports'],
  router: ['a router interface', 'router interfaces'],
  gateway: ["a router's gateway", "routers' gateways"],
  floating: ['a floating address', 'floating addresses'],
}

/** Such as '3 ports of instances and a router interface'; empty when only metadata ports are counted. */
export function portsInWords(kinds: ReadonlyMap<string, number>): string {
  const parts = [...kinds].flatMap(([kind, count]) => {
    const words = portWords[kind]
    return words ? [count === 1 ? words[0] : `${count} ${words[1]}`] : []
  })
  return parts.length > 1 ? `${parts.slice(0, -1).join(', ')} and ${parts.at(-1)}` : (parts[0] ?? '')
}
