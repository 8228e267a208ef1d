/** Waits for something in the cloud by its events. Not its job: asking (sdk/). */
import type { Client } from '../sdk/node-client.ts'

/**
 * Looks with `check` as soon as the events are followed, and after each, until it gives something; undefined after the time, or when `given_up` fires.
 * Rejects with what `check` throws, and where no controller answers at first; one that goes away is waited for.
 */
export async function until<T>(
  client: Client,
  check: () => Promise<T | undefined>,
  timeout_ms: number,
  given_up?: AbortSignal,
): Promise<T | undefined> {
  const done = new AbortController()
  const signals = [done.signal, AbortSignal.timeout(timeout_ms), ...(given_up ? [given_up] : [])]
  const signal = AbortSignal.any(signals)
  const { promise, resolve, reject } = Promise.withResolvers<T | undefined>()
  let looking = Promise.resolve()
  let waiting = false
  // One look at a time; events that come before it begins are seen by it.
  const look = () => {
    if (waiting) return
    waiting = true
    looking = looking
      .then(async () => {
        waiting = false
        if (signal.aborted) return
        const found = await check()
        if (found !== undefined) resolve(found)
      })
      .catch(reject)
  }
  const follow = async () => {
    // First the stream, then the first look: what happens between the two is not missed.
    for await (const _ of client.events({ all_projects: true, signal, on_open: look })) look()
    await looking
    resolve(undefined)
  }
  follow().catch(reject)
  try {
    return await promise
  } finally {
    done.abort()
  }
}
