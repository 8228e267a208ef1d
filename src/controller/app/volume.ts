/** Volumes as users see them. They come and go with their instances. */
import type { QueryOf } from '../../api/route.ts'
import type { Volume, volumeRoutes } from '../../api/volume.ts'
import { notFound } from '../../model/errors.ts'
import type { Cloud } from '../cloud.ts'
import type { Page } from '../store/page.ts'
import { volume } from '../store/volume.ts'
import { type Caller, mayOnSystem, visibleProject } from './caller.ts'

export function listVolumes(
  cloud: Cloud,
  caller: Caller,
  query: QueryOf<typeof volumeRoutes.list>,
): Promise<Page<Volume>> {
  return volume.list(cloud.database.db, visibleProject(caller, 'volume.read', query.all_projects), query)
}

export async function getVolume(cloud: Cloud, caller: Caller, id: string): Promise<Volume> {
  const found = await volume.find(cloud.database.db, id)
  const maySee = found && (found.project_id === caller.project_id || mayOnSystem(caller, 'volume.read'))
  if (!maySee) throw notFound('volume', id)
  return found
}
