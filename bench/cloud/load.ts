/** Load: so many at once, each the next as soon as its last one is done. */

/** Does `work` `count` times, `at_once` at a time; `worker` tells them apart. */
export async function spread(
  count: number,
  at_once: number,
  work: (n: number, worker: number) => Promise<unknown>,
): Promise<void> {
  let next = 0
  const run = async (worker: number) => {
    while (next < count) await work(next++, worker)
  }
  await Promise.all(Array.from({ length: at_once }, (_, worker) => run(worker)))
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
