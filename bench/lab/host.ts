/** A host of the lab with a whole cloud on it, made by `./croft up`, its first guest purged: quiet, and ready for guests. */
import { instanceRoutes } from '../../src/api/instance.ts'
import { createBed, type Host } from '../../test/lab/bed/bed.ts'
import { Cloud } from '../../test/lab/bed/cloud.ts'
import { imageCache } from '../../test/lab/bed/image-cache.ts'
import { servicePids } from '../../test/lab/bed/services.ts'

export interface LabHost extends AsyncDisposable {
  readonly host: Host
  readonly cloud: Cloud
  /** What a create of a tiny instance needs, as the first guest had it. */
  readonly instance: { flavor_id: string; image_id: string }
  /** Process ids of Croft's services, as the host counts them. */
  services(): Promise<ReadonlyMap<string, number>>
}

export async function startLabHost(): Promise<LabHost> {
  await imageCache()
  await using undo = new AsyncDisposableStack()
  const bed = undo.use(await createBed())
  const host = await bed.addHost('bench')
  const cloud = new Cloud(host)
  await cloud.must('up')
  const { id, flavor_id, image_id } = await cloud.instance('hello')
  if (image_id === null) throw new Error('the first guest has no image')
  await purge(cloud, id)
  const all = undo.move()
  return {
    host,
    cloud,
    instance: { flavor_id, image_id },
    services: () => servicePids(host),
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  }
}

/** Resolves when nothing of it is left. */
export async function purge(cloud: Cloud, id: string): Promise<void> {
  const client = await cloud.client()
  await client.call(instanceRoutes.delete, { params: { instance: id }, query: { purge: true }, wait_s: 60 })
}
