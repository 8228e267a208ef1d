/** Operations as people see and wait for them. */
import type { Operation, OperationTarget, operationRoutes } from '../../api/operation.ts'
import type { QueryOf } from '../../api/route.ts'
import { Together } from '../../lib/together.ts'
import { CloudError, notFound } from '../../model/errors.ts'
import type { Cloud } from '../cloud.ts'
import type { EventRow } from '../store/event.ts'
import { operation } from '../store/operation.ts'
import { operationTarget } from '../store/operation-target.ts'
import type { Page } from '../store/page.ts'
import {
  type Caller,
  forbidden,
  givenInstances,
  mayInProject,
  mayOnInstance,
  mayOnSystem,
  visibleProject,
} from './caller.ts'
import { change, mayRedo } from './change.ts'
import { namesFor } from './names.ts'
import { cancelOfOperation } from './migration.ts'
import { stopWanting } from './instance-cancel.ts'

export async function listOperations(
  cloud: Cloud,
  caller: Caller,
  query: QueryOf<typeof operationRoutes.list>,
): Promise<Page<Operation>> {
  const project_id = visibleProject(caller, 'operation.read', query.all_projects)
  const given = mayInProject(caller, 'operation.read') ? undefined : givenInstances(caller, 'instance.read')
  const { db } = cloud.database
  const { items, next } = await operation.list(db, { ...query, project_id, given })
  const names = await namesFor(db, caller, items.map(about))
  return { items: items.map(one => ({ ...one, resource_name: names.get(one.resource_id ?? '') ?? null })), next }
}

const about = ({ noun, resource_id }: Operation) => ({ noun, id: resource_id })

export async function getOperation(cloud: Cloud, caller: Caller, id: string): Promise<Operation> {
  const found = await operation.find(cloud.database.db, id)
  if (!found || !maySee(caller, found, 'instance.read')) throw notFound('operation', id)
  return found
}

/** What became of each thing that it is about; for whom only single instances were given to, of those alone. */
export async function listTargets(
  cloud: Cloud,
  caller: Caller,
  id: string,
  query: QueryOf<typeof operationRoutes.targets>,
): Promise<Page<OperationTarget>> {
  const { project_id } = await getOperation(cloud, caller, id)
  const sees_all = mayInProject(caller, 'operation.read') || mayOnSystem(caller, 'operation.read')
  const given = sees_all ? undefined : givenInstances(caller, 'instance.read')
  const { items, next } = await operationTarget.list(cloud.database.db, { ...query, operation_id: id, given })
  // Who may read operations, and no instances, learns no names from them.
  const named = (one: OperationTarget) => mayOnInstance(caller, 'instance.read', { id: one.resource_id, project_id })
  return { items: items.map(one => (named(one) ? one : { ...one, name: null })), next }
}

/** What is done with an instance that was given to the caller singly is theirs to see; to cancel, if they may operate it. */
function maySee(caller: Caller, found: Operation, on_instance: 'instance.read' | 'instance.operate'): boolean {
  if (found.project_id !== caller.project_id) return mayOnSystem(caller, 'operation.read')
  if (mayInProject(caller, on_instance === 'instance.read' ? 'operation.read' : on_instance)) return true
  return found.resource_id !== null && (caller.on_instances.get(found.resource_id)?.has(on_instance) ?? false)
}

/**
 * Gives up what an operation still waits for: instances not yet started stay stopped. What cannot be taken back (a stop,
 * a deletion) is refused with the reason.
 */
export function cancelOperation(cloud: Cloud, caller: Caller, id: string): Promise<Operation> {
  return change(cloud, caller, async tx => {
    const found = await operation.find(tx, id)
    if (!found || !maySee(caller, found, 'instance.operate')) throw notFound('operation', id)
    if (found.ended_at) throw new CloudError('wrong_state', `The operation has ended already: ${found.state}.`)
    if (found.kind === 'image.create') {
      throw new CloudError(
        'wrong_state',
        'To give up an image, delete it: that ends its upload or fetch, and this operation.',
      )
    }
    if (found.kind === 'instance.migrate') {
      if (!mayOnSystem(caller, 'topology.manage')) throw forbidden('topology.manage', 'on the whole system')
      await cancelOfOperation(tx, caller, id)
      return (await operation.find(tx, id)) ?? found
    }
    // A reboot taken back would leave the guest switched off, which nobody asked for.
    if (!['instance.create', 'instance.start'].includes(found.kind)) {
      throw new CloudError('wrong_state', `What was asked, ${found.kind}, cannot be taken back. It ends by itself.`)
    }
    await stopWanting(tx, await operation.openTargets(tx, id))
    await operation.cancelTargets(tx, await operation.openTargets(tx, id), `cancelled by ${caller.user_name}`)
    return (await operation.find(tx, id)) ?? found
  })
}

/** Resolves when the operation has ended, the time is over, or the signal fires; never rejects for these. */
export async function waitForOperation(cloud: Cloud, id: string, wait_ms: number, signal: AbortSignal): Promise<void> {
  const done = Promise.withResolvers<void>()
  const timer = cloud.clock.after(wait_ms, done.resolve)
  signal.addEventListener('abort', () => done.resolve(), { once: true })
  // Watching first: an end between the two is heard or seen.
  const unwatch = cloud.events.watch(events => {
    if (events.some(one => one.resource_id === id && hasEnded(one))) done.resolve()
  })
  try {
    if (!(await looks(cloud).ask(id))) done.resolve()
    await done.promise
  } finally {
    unwatch()
    timer.cancel()
  }
}

function hasEnded({ noun, detail }: EventRow): boolean {
  return noun === 'operation' && (detail as { ended?: boolean }).ended === true
}

/** Looks whether operations are open, of all who begin to wait at the same moment. */
const looksOf = new WeakMap<Cloud, Together<string, boolean>>()

function looks(cloud: Cloud): Together<string, boolean> {
  const known =
    looksOf.get(cloud) ??
    new Together<string, boolean>(
      async ids => {
        const open = await operation.openAmong(cloud.database.db, ids)
        return ids.map(id => open.has(id))
      },
      { mayRedo },
    )
  looksOf.set(cloud, known)
  return known
}
