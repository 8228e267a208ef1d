import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { Together } from '../../../src/lib/together.ts'

/** Work that ends when it is told to. */
function held() {
  const batches: { items: readonly number[]; end(error?: Error): void }[] = []
  const work = (items: readonly number[]) =>
    new Promise<readonly string[]>((resolve, reject) => {
      batches.push({ items, end: error => (error ? reject(error) : resolve(items.map(item => `did ${item}`))) })
    })
  return { batches, work }
}

const turn = () => new Promise(resolve => setImmediate(resolve))

describe('lib/together', () => {
  test('who comes alone is served at once, and who comes meanwhile together', async () => {
    const { batches, work } = held()
    const together = new Together(work)
    const first = together.ask(1)
    await turn()
    const later = [together.ask(2), together.ask(3)]
    await turn()
    assert.deepEqual(
      batches.map(batch => batch.items),
      [[1]],
    )
    batches[0]?.end()
    assert.equal(await first, 'did 1')
    await turn()
    assert.deepEqual(batches[1]?.items, [2, 3])
    batches[1]?.end()
    assert.deepEqual(await Promise.all(later), ['did 2', 'did 3'])
  })

  test('a batch that fails fails its own items, and the next goes on', async () => {
    const { batches, work } = held()
    const together = new Together(work)
    const failed = assert.rejects(together.ask(1), /no luck/)
    await turn()
    const next = together.ask(2)
    batches[0]?.end(new Error('no luck'))
    await failed
    await turn()
    batches[1]?.end()
    assert.equal(await next, 'did 2')
  })

  test('one that cannot be done fails alone', async () => {
    const together = new Together<number, number>(async items => {
      await turn()
      if (items.includes(2)) throw new Error('2 cannot be done')
      return items
    })
    const asked = await Promise.allSettled([1, 2, 3].map(item => together.ask(item)))
    assert.deepEqual(
      asked.map(one => one.status),
      ['fulfilled', 'rejected', 'fulfilled'],
    )
  })

  test('what may have been done is not done again', async () => {
    const done: number[] = []
    const together = new Together<number, number>(
      async items => {
        await turn()
        done.push(...items)
        throw new Error('lost')
      },
      { mayRedo: error => !(error instanceof Error && error.message === 'lost') },
    )
    const asked = await Promise.allSettled([1, 2, 3].map(item => together.ask(item)))
    assert.deepEqual(
      asked.map(one => one.status),
      ['rejected', 'rejected', 'rejected'],
    )
    assert.deepEqual(done, [1, 2, 3])
  })

  test('nobody waits in turn for what is away', async () => {
    const tried: (readonly number[])[] = []
    const together = new Together<number, number>(
      async items => {
        await turn()
        tried.push(items)
        throw new Error(items.length > 1 ? 'no luck' : 'away')
      },
      { mayRedo: error => error instanceof Error && error.message !== 'away' },
    )
    const asked = await Promise.allSettled([1, 2, 3].map(item => together.ask(item)))
    assert.deepEqual(
      asked.map(one => (one.status === 'rejected' ? String(one.reason) : one.status)),
      ['Error: away', 'Error: away', 'Error: away'],
    )
    assert.deepEqual(tried, [[1, 2, 3], [1]])
  })

  test('an answer too few is an error and not a wait for ever', async () => {
    const together = new Together<number, number>(async items => items.slice(1))
    await assert.rejects(together.ask(1), /1 things were asked for, and 0 were answered/)
  })

  test('everyone gets the answer to what they asked, in batches no larger than allowed', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer(), { maxLength: 60 }),
        fc.integer({ min: 1, max: 7 }),
        async (asked, max) => {
          let largest = 0
          const together = new Together<number, number>(
            async items => {
              largest = Math.max(largest, items.length)
              await turn()
              return items.map(item => item * 2)
            },
            { atOnce: 2, batchMax: max },
          )
          const answers = await Promise.all(asked.map(item => together.ask(item)))
          assert.deepEqual(
            answers,
            asked.map(item => item * 2),
          )
          assert.ok(largest <= max)
        },
      ),
      { numRuns: 40 },
    )
  })
})
