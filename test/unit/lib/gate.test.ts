import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Gate, GateFull } from '../../../src/lib/gate.ts'

test('so many at once, one per key, the rest in order, and none beyond the queue', async () => {
  const gate = new Gate(2, 3)
  const order: string[] = []
  let inside = 0
  const open: (() => void)[] = []
  const enter = (key: string, name: string) =>
    gate.pass(key, async () => {
      order.push(name)
      assert.ok(++inside <= 2)
      await new Promise<void>(resolve => open.push(resolve))
      inside--
    })
  const all = [enter('a', 'a1'), enter('a', 'a2'), enter('b', 'b1'), enter('c', 'c1')]
  assert.deepEqual(order, ['a1', 'b1'])
  all.push(enter('d', 'd1'))
  await assert.rejects(enter('e', 'e1'), GateFull)
  for (let i = 0; i < 5; i++) {
    open[i]?.()
    await new Promise(resolve => setImmediate(resolve))
  }
  await Promise.all(all)
  assert.deepEqual(order, ['a1', 'b1', 'a2', 'c1', 'd1'])
})

test('one that fails lets the next in', async () => {
  const gate = new Gate(1, 1)
  await assert.rejects(
    gate.pass('a', async () => Promise.reject(new Error('no'))),
    /no/,
  )
  assert.equal(await gate.pass('a', async () => 5), 5)
})
