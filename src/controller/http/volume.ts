import { volumeRoutes } from '../../api/volume.ts'
import { getOperation } from '../app/operation.ts'
import { createVolume, deleteVolume, getVolume, listVolumes, updateVolume } from '../app/volume.ts'
import { answer, handle } from './handle.ts'

export const volumeHandlers = [
  handle(volumeRoutes.list, async ({ cloud, caller, query }) => answer(await listVolumes(cloud, caller, query))),
  handle(volumeRoutes.get, async ({ cloud, caller, params }) => {
    const found = await getVolume(cloud, caller, params.volume)
    return answer(found, found.version)
  }),
  handle(volumeRoutes.create, async ({ cloud, caller, body }) => {
    const made = await createVolume(cloud, caller, body)
    return answer(made, made.version)
  }),
  handle(volumeRoutes.update, async ({ cloud, caller, params, body }) => {
    const changed = await updateVolume(cloud, caller, params.volume, body)
    return answer(changed, changed.version)
  }),
  handle(volumeRoutes.delete, async ({ cloud, caller, params }) => {
    const deleted = await deleteVolume(cloud, caller, params.volume)
    const operation_id = deleted.operation.id
    const after = async () => ({ ...deleted, operation: await getOperation(cloud, caller, operation_id) })
    return { body: deleted, operation_id, after }
  }),
]
