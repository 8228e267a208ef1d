/** Looks until what is asserted holds, or says at last why it does not: for what ends in another process or after another's turn. */
import { setTimeout as wait } from 'node:timers/promises'

export async function eventually<T>(check: () => T | Promise<T>, within_ms = 10_000): Promise<T> {
  const end_ms = Date.now() + within_ms
  for (;;) {
    try {
      return await check()
    } catch (error) {
      if (Date.now() > end_ms) throw error
      await wait(20)
    }
  }
}
