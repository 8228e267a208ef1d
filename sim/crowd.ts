/** Fills a playground with very many instances, through its API as any client would, and says what that took. */
import { contract } from '../src/api/index.ts'
import type { Cloud } from '../src/controller/cloud.ts'
import { quotaResources } from '../src/model/quota.ts'
import { ApiProblem } from '../src/sdk/errors.ts'
import { type Client, createClient } from '../src/sdk/node-client.ts'

/** What one request may make at most, and what is under way at a time. */
const batch_max = 1000
const looks_every_ms = 500
const tries_max = 20
const try_again_ms = 3000

export class Crowd {
  private readonly cloud: Cloud
  private readonly url: string
  private readonly password: string

  constructor(cloud: Cloud, password: string, url: string) {
    this.cloud = cloud
    this.password = password
    this.url = url
  }

  /** Resolves when every host has a link that has begun. */
  async allLinked(hosts: number): Promise<void> {
    const from_ms = performance.now()
    const linked = () => this.cloud.agents.begun
    await this.until(
      () => Promise.resolve(linked() >= hosts),
      () => `${linked()} of ${hosts} hosts are linked`,
    )
    console.log(`${hosts} hosts are linked after ${seconds(from_ms)}`)
  }

  /** Resolves when so many more instances run; throws when one of the requests is refused. */
  async fill(count: number): Promise<void> {
    const from_ms = performance.now()
    const { client, asked } = await this.prepare()
    for (let made = 0; made < count; ) {
      const more = Math.min(batch_max, count - made)
      await this.patiently(idempotency_key =>
        client.call(contract.instance.create, {
          body: { ...asked, name: `fleet-${made / batch_max}`, count: more },
          idempotency_key,
        }),
      )
      made += more
      if (made % (10 * batch_max) === 0 || made === count) {
        console.log(`${made} of ${count} instances are made, after ${seconds(from_ms)}`)
      }
    }
    const running = () => this.running()
    let seen = 0
    await this.until(
      async () => (seen = await running()) >= count,
      () => `${seen} of ${count} instances run`,
    )
    const rss_mib = Math.round(process.memoryUsage().rss / 1024 ** 2)
    console.log(`${count} instances run after ${seconds(from_ms)}; controller and all hosts take ${rss_mib} MiB`)
  }

  /** Signed in as the administrator, with limits lifted as an operator would. */
  private async prepare(): Promise<{
    client: Client
    asked: { flavor_id: string; image_id: string; networks: { network_id: string }[] }
  }> {
    const body = { user: 'admin', password: this.password }
    const { token, project } = await createClient({ url: this.url }).call(contract.session.create, { body })
    if (!project) throw new Error('the administrator has no project')
    const client = createClient({ url: this.url, token })
    const limits = Object.fromEntries(quotaResources.map(name => [name, null]))
    for (const [scope, id] of [
      ['project', project.id],
      ['domain', project.domain_id],
    ] as const) {
      await client.call(contract.quota.set, { params: { scope, id }, body: limits })
    }
    const [flavor] = (await client.call(contract.flavor.list, { query: { name: 'tiny' } })).items
    const [image] = (await client.call(contract.image.list, { query: { name: 'tiny' } })).items
    const [network] = (await client.call(contract.network.list, { query: { name: 'default' } })).items
    if (!flavor || !image || !network) throw new Error('the playground has no flavor, image or network of its own')
    const asked = { flavor_id: flavor.id, image_id: image.id, networks: [{ network_id: network.id }] }
    return { client, asked }
  }

  /** All of a cloud in one process: while it catches its breath the database may seem to be away. The same is asked again then. */
  private async patiently(ask: (idempotency_key: string) => Promise<unknown>): Promise<void> {
    const key = crypto.randomUUID()
    for (let left = tries_max - 1; ; left--) {
      try {
        await ask(key)
        return
      } catch (error) {
        if (left === 0 || !(error instanceof ApiProblem) || error.code !== 'unavailable') throw error
        await this.cloud.clock.sleep(try_again_ms)
      }
    }
  }

  private async running(): Promise<number> {
    const { n } = await this.cloud.database.db
      .selectFrom('instance_observed')
      .select(({ fn }) => fn.countAll<number>().as('n'))
      .where('power', '=', 'running')
      .executeTakeFirstOrThrow()
    return n
  }

  /** A program for people to watch: it looks and tells, as nothing inside of Croft does. */
  private async until(done: () => Promise<boolean>, tell: () => string): Promise<void> {
    for (let n = 1; !(await done()); n++) {
      if (n % 10 === 0) console.log(tell())
      await this.cloud.clock.sleep(looks_every_ms)
    }
  }
}

function seconds(from_ms: number): string {
  return `${((performance.now() - from_ms) / 1000).toFixed(1)} s`
}
