/** What an agent says to hold when it links. */
import type { AgentFrame } from '../protocol/messages.ts'
import type { WantedInstance } from '../protocol/wanted.ts'

type Held = Extract<AgentFrame, { type: 'hello' }>['holds'][number]

/** `hasCome`: whether the guest of a move is here already. */
export function holdsOf(instances: Iterable<WantedInstance>, hasCome: (id: string) => boolean): Held[] {
  return [...instances].map(({ id, generation, details_version, power, reboot_count, migration, placement }) => ({
    id,
    generation,
    details_version,
    power,
    reboot_count,
    ...(placement !== undefined && { placement }),
    ...(migration && { migration: { id: migration.id, step: migration.step } }),
    ...(hasCome(id) && { here: true }),
  }))
}

/** So many wanted instances fit into one frame with room to spare. */
const held_batch = 100

export function inBatches<T>(all: readonly T[]): T[][] {
  return Array.from({ length: Math.ceil(all.length / held_batch) }, (_, n) =>
    all.slice(n * held_batch, (n + 1) * held_batch),
  )
}
