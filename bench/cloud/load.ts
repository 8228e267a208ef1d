/** Load: so many at once, each the next as soon as its last one is done. */

/** When enough was done. */
export interface Most {
  count: number
  within_ms?: number
}

/** Does `work` as often as `most` allows, `at_once` at a time; `worker` tells them apart. Resolves with how often. */
export async function spread(
  most: Most,
  at_once: number,
  work: (n: number, worker: number) => Promise<unknown>,
): Promise<number> {
  const end_ms = performance.now() + (most.within_ms ?? Infinity)
  let next = 0
  const run = async (worker: number) => {
    while (next < most.count && performance.now() < end_ms) await work(next++, worker)
  }
  await Promise.all(Array.from({ length: at_once }, (_, worker) => run(worker)))
  return next
}

/** Milliseconds of each of `count` runs, one after the other. */
export async function times(count: number, work: (n: number) => Promise<unknown>): Promise<number[]> {
  const taken: number[] = []
  for (let n = 0; n < count; n++) {
    const from_ms = performance.now()
    await work(n)
    taken.push(performance.now() - from_ms)
  }
  return taken
}
