/** Controllers, as they are told of. That each says it is there: reconcilers/controllers.ts. */
import type { Controller, controllerRoutes } from '../../api/controller.ts'
import type { QueryOf } from '../../api/route.ts'
import type { Cloud } from '../cloud.ts'
import { controller } from '../store/controller.ts'
import type { Page } from '../store/page.ts'

export function listControllers(cloud: Cloud, query: QueryOf<typeof controllerRoutes.list>): Promise<Page<Controller>> {
  return controller.list(cloud.database.db, query)
}
