/** Where a log that is read again goes on. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { overlaps, Seam } from '../../../src/sdk/log-seam.ts'

const text = (bytes: Uint8Array | null) => (bytes === null ? null : String(Buffer.from(bytes)))

/** What is to be shown of a log that had grown, of which so many bytes are kept and read again. */
function after(before: Uint8Array, more: Uint8Array, most: number, cut = 0, piece = 0): Uint8Array | null {
  const seam = new Seam(most)
  for (const part of [before.subarray(0, cut), before.subarray(cut)]) seam.shown(part)
  const again = Buffer.concat([before, more]).subarray(-most)
  return seam.after([again.subarray(0, piece), again.subarray(piece)])
}

void test('what was shown is not shown again, and nothing is left out', () => {
  const bytes = (maxLength: number) => fc.uint8Array({ maxLength, minLength: 1 })
  // Few letters, as they come again and again.
  const dull = (maxLength: number) =>
    fc.array(fc.constantFrom(97, 97, 97, 98), { maxLength }).map(of => Uint8Array.from(of))
  const grown = fc.oneof(fc.tuple(bytes(4000), bytes(900)), fc.tuple(dull(4000), dull(900)))
  fc.assert(
    fc.property(grown, fc.nat(3000), fc.nat(3000), ([before, more], cut, piece) => {
      fc.pre(before.length > 0)
      const rest = after(before, more, 3000, cut, piece)
      // Or it is not said where it goes on.
      if (rest !== null) assert.deepEqual(Buffer.from(rest), Buffer.from(more))
      else assert.ok(before.length > 2048)
    }),
  )
  const lines = (from: number, to: number) =>
    Buffer.from(Array.from({ length: to - from }, (_, n) => `[${from + n}] a line\n`).join(''))
  assert.equal(text(after(lines(0, 1000), lines(1000, 1050), 6000)), String(lines(1000, 1050)))
  // Part by part, as a terminal writes.
  const seam = new Seam(6000)
  for (const byte of lines(0, 1000)) seam.shown(Uint8Array.of(byte))
  assert.equal(text(seam.after([lines(800, 1050)])), String(lines(1000, 1050)))
})

void test('another log is none that goes on', () => {
  const seam = new Seam(6000)
  assert.ok(seam.is_empty)
  seam.shown(Buffer.from('booting\nlogin: '))
  assert.equal(text(seam.after([Buffer.from('booting\nlogin: root')])), 'root')
  assert.equal(seam.after([Buffer.from('another log')]), null)
  seam.forget()
  assert.ok(seam.is_empty)
})

void test('a log that says the same again and again: nothing that was said between is left out', () => {
  const same = (letters: number) => Buffer.alloc(letters, 'a')
  // The last place that looks like it would be after the word.
  const said = after(same(6000), Buffer.concat([Buffer.from('panic'), same(3000)]), 8000)
  assert.ok(said === null || String(Buffer.from(said)).includes('panic'))
  const boot = Buffer.from(Array.from({ length: 200 }, (_, n) => `[${n}] a line of each boot\n`).join(''))
  assert.equal(text(after(boot, boot, 100_000)), String(boot))
  // How often it was said nobody can tell: all of it is read anew.
  assert.equal(after(same(6000), same(3000), 5000), null)
  assert.equal(after(same(6000), new Uint8Array(), 5000), null)
})

void test('the place is found in as many steps as there are bytes, whatever they are', () => {
  const length = 1024
  let steps = 0
  const counted = (bytes: Uint8Array): ArrayLike<number> =>
    new Proxy(bytes, {
      get: (of, key) => {
        if (key === 'length') return of.length
        steps++
        return of[Number(key)]
      },
    })
  const same = Buffer.alloc(length, 'a')
  const ends = Buffer.from(same)
  ends[length - 1] = 98
  const begins = Buffer.from(same)
  begins[0] = 98
  const middle = Buffer.from(same)
  middle[length / 2] = 98
  const pairs = Buffer.alloc(length, 'ab')
  const all = [same, ends, begins, middle, pairs, Buffer.alloc(length, 'aab')]
  for (const shown of all)
    for (const again of all) {
      steps = 0
      overlaps(counted(shown), counted(again))
      assert.ok(steps > length && steps <= 12 * length, `${steps} steps for ${length} bytes`)
    }
  assert.deepEqual(overlaps(ends, same), [])
  assert.deepEqual(overlaps(same, same), [length, length - 1])
  assert.deepEqual(overlaps(begins, same), [length - 1, length - 2])
  assert.deepEqual(overlaps(Buffer.from('xyabc'), Buffer.from('abcd')), [3])
})

void test('of which little was shown, all that is read may begin before it', () => {
  const seam = new Seam(6000)
  seam.shown(Buffer.from('login: '))
  assert.equal(text(seam.after([Buffer.from('booting\nlogin: root\n')])), null)
  assert.equal(text(seam.within([Buffer.from('booting\nlogin: ro'), Buffer.from('ot\n')])), 'root\n')
  assert.equal(seam.within([Buffer.from('login: root\nlogin: ')]), null)
  assert.equal(seam.within([Buffer.from('log')]), null)
})
