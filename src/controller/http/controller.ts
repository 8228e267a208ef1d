import { controllerRoutes } from '../../api/controller.ts'
import { listControllers } from '../app/controller.ts'
import { answer, handle } from './handle.ts'

export const controllerHandlers = [
  handle(controllerRoutes.list, async ({ cloud, query }) => answer(await listControllers(cloud, query))),
]
