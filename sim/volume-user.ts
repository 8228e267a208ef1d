/** What simulated users do with volumes: make, keep and delete them, and start instances from them. */
import type { Answer } from './controller.ts'
import type { Seeded } from './random.ts'
import type { Records } from './records.ts'

interface Parts {
  random: Seeded
  records: () => Records | undefined
  ask(method: string, path: string, body?: unknown): Promise<Answer | null>
  createFrom(boot_volume_id: string): Promise<void>
}

export class VolumeUser {
  private readonly parts: Parts
  /** Volumes that no instance had when they were listed. */
  private readonly loose: string[] = []

  constructor(parts: Parts) {
    this.parts = parts
  }

  /** What an instance is asked to start from. */
  source(): Record<string, string | undefined> {
    const { random } = this.parts
    const records = this.parts.records()
    if (this.loose.length > 0 && random.chance(0.2)) return { boot_volume_id: random.pick(this.loose) }
    if (random.chance(0.1)) return { image_id: records?.iso_id }
    return random.chance(0.1) ? { boot: 'network' } : { image_id: records?.image_id }
  }

  /** Makes one, or does something with one of those that there are; most often with one that no instance has. */
  async asks(): Promise<void> {
    const { random, ask } = this.parts
    if (random.chance(0.4)) {
      const image_id = random.chance(0.8) ? this.parts.records()?.image_id : undefined
      const body = { name: 'volume', size_gib: random.between(1, 3), ...(image_id && { image_id }) }
      return void (await ask('POST', '/v1/volumes', body))
    }
    const state = random.chance(0.7) ? 'available' : 'in-use'
    const listed = await ask('GET', `/v1/volumes?state=${state}&limit=20`)
    const ids = ((listed?.body.items ?? []) as { id: string }[]).map(item => item.id)
    if (ids.length === 0) return
    const id = random.pick(ids)
    if (state === 'available') this.loose.push(id)
    const act = random.between(1, 10)
    if (act <= 4) await this.parts.createFrom(id)
    else if (act <= 6) await ask('PATCH', `/v1/volumes/${id}`, { keep: random.chance(0.8) })
    else await ask('DELETE', `/v1/volumes/${id}`)
  }
}
