/** One host made a cloud by `up`, with its first guest: for tests that need no more, each of which would wait half a minute for its own. */
import { after } from 'node:test'
import { type Bed, createBed, type Host } from '../bed/bed.ts'
import { Cloud } from '../bed/cloud.ts'
import { imageCache } from '../bed/image-cache.ts'

interface World {
  host: Host
  cloud: Cloud
  /** The guest's, named hello. */
  id: string
  /** Its floating one. */
  address: string
}

let bed: Bed | undefined
let made: Promise<World> | undefined

async function make(): Promise<World> {
  await imageCache()
  bed = await createBed()
  const host = await bed.addHost('alpha')
  const cloud = new Cloud(host)
  const said = await cloud.must('up')
  const { id } = await cloud.instance('hello')
  await cloud.logged(id, /TINY READY/)
  return { host, cloud, id, address: /root@(\S+)/.exec(said)?.[1] ?? '' }
}

/** Made when it is asked for first; ends with the tests. */
export function world(): Promise<World> {
  made ??= make()
  return made
}

after(() => bed?.close())
