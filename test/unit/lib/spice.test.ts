/** What a SPICE client may begin with, in pieces of any size. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { MalformedSpice, SpiceLink } from '../../../src/lib/spice.ts'
import { linkMessage, spiceChannel } from '../../support/spice.ts'

void test('a link passes when it is whole, and then everything', () => {
  fc.assert(
    fc.property(
      fc.constantFrom('main', 'display', 'inputs', 'cursor'),
      fc.integer({ min: 1, max: 50 }),
      (name, cut) => {
        const said = linkMessage(spiceChannel[name], name === 'main' ? 0 : 7)
        const link = new SpiceLink()
        const passed: Buffer[] = []
        for (let at = 0; at < said.length; at += cut) {
          assert.equal(link.channel, null)
          passed.push(link.push(said.subarray(at, at + cut)))
        }
        assert.equal(link.channel, name)
        assert.deepEqual(Buffer.concat(passed), said)
        const more = Buffer.alloc(100_000, 1)
        assert.deepEqual(link.push(more), more)
      },
    ),
  )
})

void test('what is no SPICE, and what guests of a cloud are not given, is refused', () => {
  const long = linkMessage(1, 0)
  long.writeUInt32LE(5000, 12)
  const short = linkMessage(1, 0)
  short.writeUInt32LE(4, 12)
  const old = linkMessage(1, 0)
  old.writeUInt32LE(1, 4)
  for (const said of [
    Buffer.from('GET / HTTP/1.1\r\n\r\n'),
    Buffer.from('RFB 003.008\n'),
    linkMessage(spiceChannel.record, 7),
    linkMessage(spiceChannel.usb, 7),
    linkMessage(spiceChannel.main, 7),
    linkMessage(spiceChannel.inputs, 0),
    Buffer.concat([linkMessage(spiceChannel.main, 0), Buffer.alloc(2000)]),
    long,
    short,
    old,
  ]) {
    assert.throws(() => new SpiceLink().push(said), MalformedSpice, said.toString('hex', 0, 40))
  }
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), bytes => {
      try {
        new SpiceLink().push(Buffer.concat([Buffer.from('REDQ'), bytes]))
      } catch (error) {
        assert(error instanceof MalformedSpice)
      }
    }),
  )
})
