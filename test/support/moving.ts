/** Three hosts that do at once what they are told, and a cloud to move instances between them. */
import { type Instance, instanceRoutes } from '../../src/api/instance.ts'
import { type TestCloud, testCloud } from './cloud.ts'
import { addHost, addImage, addNetwork, liftQuotas, type ObedientHost } from './obedient-host.ts'
import { replyOf } from './reply.ts'

export interface MovingCloud {
  cloud: TestCloud
  hosts: ObedientHost[]
  /** What every instance is made of. */
  body: Record<string, unknown>
  /** A new instance, once the wish for it is carried out. */
  create(more?: Record<string, unknown>): Promise<Instance>
  /** The hosts obey again, whatever a test had them do. */
  obey(): void
}

export async function movingCloud(): Promise<MovingCloud> {
  const cloud = await testCloud()
  const hosts: ObedientHost[] = []
  for (const name of ['h1', 'h2', 'h3']) hosts.push(await addHost(cloud, name, { memory_mib: 64_000, cpus: 16 }))
  await liftQuotas(cloud)
  const flavors = await cloud.request('GET', '/v1/flavors?name=tiny')
  const network_id = await addNetwork(cloud)
  const body = { flavor_id: flavors.body.items?.[0]?.id, image_id: await addImage(cloud), networks: [{ network_id }] }
  let made = 0
  return {
    cloud,
    hosts,
    body,
    async create(more = {}) {
      const asked = { body: { ...body, name: `vm-${++made}`, ...more }, headers: { prefer: 'wait=10' } }
      const answered = await cloud.request('POST', '/v1/instances', asked)
      return replyOf(instanceRoutes.create, answered).items[0] as Instance
    },
    obey() {
      for (const host of hosts) Object.assign(host, { silent: false, sends: 'through', unready: null, failure: null })
    },
  }
}
