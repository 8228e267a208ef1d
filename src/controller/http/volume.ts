import { volumeRoutes } from '../../api/volume.ts'
import { getVolume, listVolumes } from '../app/volume.ts'
import { answer, handle } from './handle.ts'

export const volumeHandlers = [
  handle(volumeRoutes.list, async ({ cloud, caller, query }) => answer(await listVolumes(cloud, caller, query))),
  handle(volumeRoutes.get, async ({ cloud, caller, params }) => answer(await getVolume(cloud, caller, params.volume))),
]
