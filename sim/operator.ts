/** An operator who moves instances, changes their mind, and empties hosts. */
import type { Answer } from './controller.ts'
import type { Seeded } from './random.ts'

interface OperatorParts {
  ask(method: string, path: string, body?: unknown): Promise<Answer | null>
  random: Seeded
  hosts: readonly { readonly id: string }[]
  /** Instances that were made; they may have gone. */
  ids: readonly string[]
}

export class Operator {
  private readonly parts: OperatorParts
  private readonly migrations: string[] = []

  constructor(parts: OperatorParts) {
    this.parts = parts
  }

  async asks(): Promise<void> {
    const { ask, random, hosts, ids } = this.parts
    const kind = random.between(0, 15)
    const maintenance = `/v1/hosts/${random.pick(hosts).id}/maintenance`
    const last = this.migrations.at(-1)
    if (kind === 0) await ask('POST', maintenance, {})
    else if (kind <= 2) await ask('DELETE', `${maintenance}?cancel_migrations=${random.chance(0.5)}`)
    else if (kind <= 4 && last !== undefined) await ask('POST', `/v1/migrations/${last}/cancel`)
    else if (ids.length > 0) {
      const answer = await ask('POST', `/v1/instances/${random.pick(ids)}/migrate`, {})
      const made = answer?.body.migration as { id: string } | undefined
      if (made) this.migrations.push(made.id)
    }
  }
}
