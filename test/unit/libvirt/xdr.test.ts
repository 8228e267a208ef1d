import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { XdrError, XdrReader, XdrWriter } from '../../../src/lib/libvirt/xdr.ts'

/** One value of each kind that the protocol has, with how it is written and read back. */
const value = fc.oneof(
  fc.record({ kind: fc.constant('u32' as const), value: fc.nat(0xffff_ffff) }),
  fc.record({ kind: fc.constant('i32' as const), value: fc.integer() }),
  fc.record({ kind: fc.constant('u64' as const), value: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }) }),
  fc.record({ kind: fc.constant('i64' as const), value: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }) }),
  fc.record({ kind: fc.constant('double' as const), value: fc.double() }),
  fc.record({ kind: fc.constant('boolean' as const), value: fc.boolean() }),
  fc.record({
    kind: fc.constant('string' as const),
    value: fc.string({ unit: 'grapheme' }).map(text => text.replaceAll('\0', '').toWellFormed()),
  }),
  fc.record({ kind: fc.constant('opaque' as const), value: fc.uint8Array() }),
  fc.record({ kind: fc.constant('optional' as const), value: fc.option(fc.integer()) }),
  fc.record({ kind: fc.constant('array' as const), value: fc.array(fc.integer()) }),
)
type Value = typeof value extends fc.Arbitrary<infer T> ? T : never

function write(writer: XdrWriter, item: Value): unknown {
  switch (item.kind) {
    case 'optional':
      return writer.optional(item.value, number => writer.i32(number))
    case 'array':
      return writer.array(item.value, number => writer.i32(number))
    case 'u32':
      return writer.u32(item.value)
    case 'i32':
      return writer.i32(item.value)
    case 'u64':
      return writer.u64(item.value)
    case 'i64':
      return writer.i64(item.value)
    case 'double':
      return writer.double(item.value)
    case 'boolean':
      return writer.boolean(item.value)
    case 'string':
      return writer.string(item.value)
    case 'opaque':
      return writer.opaque(item.value)
  }
}

function read(reader: XdrReader, kind: Value['kind']): unknown {
  if (kind === 'optional') return reader.optional(() => reader.i32())
  if (kind === 'array') return reader.array(1_000, () => reader.i32())
  if (kind === 'opaque') return new Uint8Array(reader.opaque())
  return reader[kind]()
}

test('whatever is written is read back, and takes a multiple of four bytes', () => {
  fc.assert(
    fc.property(fc.array(value), items => {
      const writer = new XdrWriter()
      for (const item of items) write(writer, item)
      const bytes = writer.finish()
      assert.equal(bytes.length % 4, 0)
      const reader = new XdrReader(bytes)
      for (const item of items) assert.deepEqual(read(reader, item.kind), item.value)
      reader.end()
    }),
  )
})

test('a message cut short anywhere is an error, never a value from beyond its end', () => {
  fc.assert(
    fc.property(fc.array(value, { minLength: 1 }), fc.nat(), (items, cut) => {
      const writer = new XdrWriter()
      for (const item of items) write(writer, item)
      const bytes = writer.finish()
      // The bytes beyond the cut are there in memory, as they are in a chunk that holds the next frame.
      const reader = new XdrReader(bytes.subarray(0, cut % bytes.length))
      assert.throws(() => {
        for (const item of items) read(reader, item.kind)
      }, XdrError)
    }),
  )
})

test('any bytes at all give values or an XdrError', () => {
  const kinds = ['u32', 'string', 'opaque', 'optional', 'array', 'boolean', 'u64', 'double'] as const
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), fc.array(fc.constantFrom(...kinds)), (bytes, wanted) => {
      const reader = new XdrReader(Buffer.from(bytes))
      try {
        for (const kind of wanted) read(reader, kind)
      } catch (error) {
        assert.ok(error instanceof XdrError, String(error))
      }
    }),
  )
})

test('lengths and counts that cannot be are refused before anything is allocated', () => {
  const huge = () => new XdrReader(new XdrWriter().u32(0xffff_ffff).u32(0).finish())
  assert.throws(() => huge().string(), /limit/)
  assert.throws(() => huge().opaque(0xffff_ffff), /ends early/)
  assert.throws(() => huge().array(16_384, () => 0), /over the limit/)
  assert.throws(() => huge().array(0xffff_ffff, () => 0), /cannot fit/)
  assert.throws(() => new XdrReader(new XdrWriter().u32(2).finish()).boolean(), /0 or 1/)
  assert.throws(() => new XdrReader(Buffer.alloc(4)).end(), /left over/)
  assert.throws(() => new XdrReader(new XdrWriter().u64(2n ** 60n).finish()).u64Number(), /too large/)
})

test('what the protocol cannot carry is refused when it is written', () => {
  const writer = new XdrWriter()
  for (const wrong of [-1, 2 ** 32, 1.5, Number.NaN]) assert.throws(() => writer.u32(wrong), XdrError)
  for (const wrong of [2 ** 31, -(2 ** 31) - 1, 0.1]) assert.throws(() => writer.i32(wrong), XdrError)
  for (const wrong of [-1n, 2n ** 64n, 2 ** 60, 0.5]) assert.throws(() => writer.u64(wrong), XdrError)
  for (const wrong of [2n ** 63n, -(2n ** 63n) - 1n]) assert.throws(() => writer.i64(wrong), XdrError)
  assert.throws(() => writer.string('a\0b'), /zero byte/)
  assert.throws(() => writer.string('x'.repeat(10), 9), /limit/)
})

test('padding is zero, whatever the memory held before', () => {
  const writer = new XdrWriter(12)
  writer.string('abcde')
  assert.deepEqual([...writer.finish().subarray(12)], [0, 0, 0, 5, 97, 98, 99, 100, 101, 0, 0, 0])
})
