/** Cutting a byte stream into messages: however it is torn, and whatever a hostile peer sends. */
import assert from 'node:assert/strict'
import test from 'node:test'
import * as fc from 'fast-check'
import { JsonSplitter } from '../../../src/lib/ovsdb/json-splitter.ts'

const limits = { max_bytes: 1000, max_depth: 20 }

void test('any messages come out whole however the stream is torn', () => {
  const message = fc.dictionary(fc.string({ unit: 'binary' }), fc.jsonValue({ maxDepth: 3 }), { maxKeys: 3 })
  const property = fc.property(
    fc.array(message, { maxLength: 4 }),
    fc.array(fc.nat(40), { minLength: 1 }),
    (messages, cuts) => {
      const bytes = Buffer.from(messages.map(each => JSON.stringify(each)).join('\n'))
      const splitter = new JsonSplitter({ max_bytes: 1e6, max_depth: 20 })
      const seen: unknown[] = []
      for (let at = 0, i = 0; at < bytes.length; i++) {
        const size = 1 + (cuts[i % cuts.length] ?? 0)
        seen.push(...splitter.push(bytes.subarray(at, at + size)))
        at += size
      }
      assert.deepEqual(JSON.parse(JSON.stringify(seen)), JSON.parse(JSON.stringify(messages)))
    },
  )
  fc.assert(property, { numRuns: 200 })
})

void test('a message that never ends is refused at the limit, in one piece or in many', () => {
  const whole = new JsonSplitter(limits)
  assert.throws(() => [...whole.push(Buffer.from(`["${'x'.repeat(2000)}"]`))], /longer than 1000 bytes/)
  const piecewise = new JsonSplitter(limits)
  assert.throws(() => {
    for (let i = 0; i < 2000; i++) for (const _ of piecewise.push(Buffer.from(i === 0 ? '["' : 'x'))) assert.fail()
  }, /longer than 1000 bytes/)
})

void test('nesting, stray brackets and what is not JSON are refused', () => {
  const refused = (text: string, reason: RegExp) =>
    assert.throws(() => [...new JsonSplitter(limits).push(Buffer.from(text))], reason)
  refused('['.repeat(30), /deeper than 20/)
  refused(']', /closed a bracket/)
  refused('HTTP/1.1 400 Bad Request', /byte 72 between messages/)
  refused('{"a":}', /not JSON/)
  refused('[}', /not JSON/)
})
