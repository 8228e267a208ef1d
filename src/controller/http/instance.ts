import { instanceRoutes } from '../../api/instance.ts'
import { placementRoutes } from '../../api/placement.ts'
import {
  explainInstance,
  getInstance,
  instancesById,
  listInstances,
  showInstance,
  updateInstance,
} from '../app/instance.ts'
import {
  type Acted,
  deleteInstance,
  rebootInstance,
  recoverInstance,
  startInstance,
  stopInstance,
} from '../app/instance-act.ts'
import { openConsole } from '../app/console.ts'
import { readLog } from '../app/instance-console.ts'
import { resizeInstance } from '../app/instance-resize.ts'
import { createInstances } from '../app/instance-create.ts'
import { resetPassword } from '../app/instance-password.ts'
import { planInstances } from '../app/instance-plan.ts'
import { getOperation } from '../app/operation.ts'
import { getPlacement } from '../app/placement-told.ts'
import { answer, handle, type Answer, type Input } from './handle.ts'
import { problem } from './problem.ts'

/** An act's answer: what waits for its operation gets both as they are then. */
function acted({ cloud, caller }: Pick<Input<never>, 'cloud' | 'caller'>, body: Acted): Answer<Acted> {
  return {
    body,
    version: body.instance.version,
    operation_id: body.operation.id,
    after: async () => ({
      instance: await getInstance(cloud, caller, body.instance.id).catch(() => body.instance),
      operation: await getOperation(cloud, caller, body.operation.id),
    }),
  }
}

export const instanceHandlers = [
  handle(instanceRoutes.list, async ({ cloud, caller, query }) => answer(await listInstances(cloud, caller, query))),
  handle(instanceRoutes.get, async ({ cloud, caller, params }) => {
    const found = await showInstance(cloud, caller, params.instance)
    return answer(found, found.version)
  }),
  handle(instanceRoutes.create, async ({ cloud, caller, body }) => {
    const created = await createInstances(cloud, caller, body)
    const ids = created.items.map(item => item.id)
    return {
      body: created,
      operation_id: created.operation.id,
      after: async () => ({
        items: await instancesById(cloud, ids),
        operation: await getOperation(cloud, caller, created.operation.id),
      }),
    }
  }),
  handle(instanceRoutes.plan, async ({ cloud, caller, body }) => {
    const plan = await planInstances(cloud, caller, body)
    return answer({ ...plan, problems: plan.problems.map(error => problem(error, caller.request.id)) })
  }),
  handle(instanceRoutes.update, async ({ cloud, caller, params, body }) => {
    const changed = await updateInstance(cloud, caller, params.instance, body)
    return answer(changed, changed.version)
  }),
  handle(instanceRoutes.start, async input =>
    acted(input, await startInstance(input.cloud, input.caller, input.params.instance)),
  ),
  handle(instanceRoutes.stop, async input =>
    acted(input, await stopInstance(input.cloud, input.caller, input.params.instance)),
  ),
  handle(instanceRoutes.reboot, async input =>
    acted(input, await rebootInstance(input.cloud, input.caller, input.params.instance, input.body.hard ?? false)),
  ),
  handle(instanceRoutes.delete, async input =>
    acted(input, await deleteInstance(input.cloud, input.caller, input.params.instance, input.query)),
  ),
  handle(instanceRoutes.recover, async input =>
    acted(input, await recoverInstance(input.cloud, input.caller, input.params.instance)),
  ),
  handle(instanceRoutes.resize, async input =>
    acted(input, await resizeInstance(input.cloud, input.caller, input.params.instance, input.body)),
  ),
  handle(instanceRoutes.resetPassword, async ({ cloud, caller, params, body }) =>
    answer(await resetPassword(cloud, caller, params.instance, body)),
  ),
  handle(instanceRoutes.explain, async ({ cloud, caller, params }) =>
    answer(await explainInstance(cloud, caller, params.instance)),
  ),
  handle(instanceRoutes.log, async ({ cloud, caller, params, query, reply }) => {
    const log = await readLog(cloud, caller, params.instance, query)
    await reply.type('text/plain; charset=utf-8').send(log)
    return answer(undefined)
  }),
  handle(instanceRoutes.console, async ({ cloud, caller, params, body }) =>
    answer(await openConsole(cloud, caller, params.instance, body)),
  ),
  handle(placementRoutes.get, async ({ cloud, caller, params }) =>
    answer(await getPlacement(cloud, caller, params.placement)),
  ),
]
