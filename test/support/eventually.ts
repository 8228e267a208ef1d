/** Looks until what is asserted holds, or says at last why it does not: for what ends in another process or after another's turn. */
import { setTimeout as wait } from 'node:timers/promises'
import type { TestCloud } from './cloud.ts'

export async function eventually<T>(check: () => T | Promise<T>, within_ms = 30_000): Promise<T> {
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

/** Looks whenever the controller tells of anything, until it is so. */
export async function untilEvent<T>(
  { cloud }: Pick<TestCloud, 'cloud'>,
  look: () => Promise<T | undefined | false>,
  within_ms = 60_000,
): Promise<T> {
  const end = Promise.withResolvers<T>()
  const timer = setTimeout(() => end.reject(new Error('it never came')), within_ms)
  let looking = false
  let again = false
  const tryIt = async () => {
    if (looking) return void (again = true)
    looking = true
    do {
      again = false
      const found = await look()
      if (found) end.resolve(found)
    } while (again)
    looking = false
  }
  const run = () => void tryIt().catch(end.reject)
  const unwatch = cloud.events.watch(run)
  run()
  try {
    return await end.promise
  } finally {
    unwatch()
    clearTimeout(timer)
  }
}
