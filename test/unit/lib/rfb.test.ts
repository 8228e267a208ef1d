/** What a VNC client may say through the proxy, in pieces of any size. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { constants, deflateSync, inflateSync } from 'node:zlib'
import { clipboardBytesMax, clipboardTextBytesMax, provideText } from '../../../src/lib/rfb-clipboard.ts'
import { MalformedRfb, RfbClient } from '../../../src/lib/rfb.ts'

const hello = Buffer.concat([Buffer.from('RFB 003.008\n'), Buffer.of(1, 0)])
const helloShared = Buffer.concat([Buffer.from('RFB 003.008\n'), Buffer.of(1, 1)])

function key(down: boolean, keysym: number): Buffer {
  const said = Buffer.alloc(8)
  said[0] = 4
  said[1] = down ? 1 : 0
  said.writeUInt32BE(keysym, 4)
  return said
}

function qemuKey(down: boolean): Buffer {
  const said = Buffer.alloc(12)
  said[0] = 255
  said.writeUInt16BE(down ? 1 : 0, 2)
  said.writeUInt32BE(0x61, 4)
  said.writeUInt32BE(30, 8)
  return said
}

function cutText(length: number): Buffer {
  const said = Buffer.alloc(8 + length)
  said[0] = 6
  said.writeInt32BE(length, 4)
  return said
}

/** In the extended form: flags, and what follows them. */
function clipboard(flags: number, rest: Buffer = Buffer.alloc(0)): Buffer {
  const said = Buffer.alloc(12)
  said[0] = 6
  said.writeInt32BE(-4 - rest.length, 4)
  said.writeInt32BE(flags, 8)
  return Buffer.concat([said, rest])
}

/** As noVNC packs it: flushed, not ended. */
function packed(text: string, size = Buffer.byteLength(text)): Buffer {
  const head = Buffer.alloc(4)
  head.writeUInt32BE(size)
  return deflateSync(Buffer.concat([head, Buffer.from(text)]), { finishFlush: constants.Z_FULL_FLUSH })
}

const capabilities = clipboard(0x1f000000, Buffer.alloc(4))
const notify = clipboard(0x08000001)
const request = clipboard(0x02000001)

const pointer = Buffer.of(5, 1, 0, 10, 0, 20)
const update = Buffer.of(3, 1, 0, 0, 0, 0, 2, 0, 1, 0)
const encodings = Buffer.of(2, 0, 0, 3, 0, 0, 0, 0, 255, 255, 255, 33, 0xc0, 0xa1, 0xe5, 0xce)
const format = Buffer.concat([Buffer.of(0), Buffer.alloc(19)])
const fence = Buffer.concat([Buffer.of(248, 0, 0, 0, 0, 0, 0, 1, 3), Buffer.from('abc')])
const size = Buffer.concat([Buffer.of(251, 0, 4, 0, 3, 0, 1, 0), Buffer.alloc(16)])
const looks = [update, encodings, format, fence, capabilities, Buffer.concat([Buffer.of(150, 1), Buffer.alloc(8)])]
const acts = [
  key(true, 0x61),
  key(false, 0x61),
  pointer,
  notify,
  request,
  provideText(Buffer.from('copied')),
  size,
  qemuKey(true),
  Buffer.of(250, 0, 1, 2),
]

void test('all passes who may act, and only what shows something who may not; however it is cut', () => {
  fc.assert(
    fc.property(
      fc.array(fc.constantFrom(...looks, ...acts), { maxLength: 30 }),
      fc.array(fc.integer({ min: 1, max: 17 }), { minLength: 1 }),
      fc.boolean(),
      (said, cuts, view_only) => {
        const bytes = Buffer.concat([hello, encodings, cutText(9), ...said])
        const client = new RfbClient(view_only)
        const passed: Buffer[] = []
        for (let at = 0, n = 0; at < bytes.length; n++) {
          const next = at + (cuts[n % cuts.length] ?? 1)
          passed.push(client.push(bytes.subarray(at, next)))
          at = next
        }
        const expected = view_only ? said.filter(one => looks.some(look => look.equals(one))) : said
        assert.deepEqual(Buffer.concat(passed), Buffer.concat([helloShared, encodings, ...expected]))
      },
    ),
  )
})

void test('who loses control lets go of what was held down', () => {
  const client = new RfbClient(false)
  client.push(hello)
  client.push(Buffer.concat([key(true, 0xffe3), key(true, 0x61), key(false, 0x61), pointer, qemuKey(true)]))
  const up = Buffer.from(pointer)
  up[1] = 0
  assert.deepEqual(client.setViewOnly(true), Buffer.concat([key(false, 0xffe3), up, qemuKey(false)]))
  assert.equal(client.push(key(true, 0x62)).length, 0)
  assert.equal(client.setViewOnly(true).length, 0)
  assert.equal(client.setViewOnly(false).length, 0)
  assert.equal(client.push(key(true, 0x62)).length, 8)
})

void test('control that is lost in the middle of a message that goes on ends after it', () => {
  const client = new RfbClient(false)
  client.push(hello)
  client.push(Buffer.concat([key(true, 0x61), size.subarray(0, 12)]))
  assert.equal(client.setViewOnly(true).length, 0)
  assert.deepEqual(client.push(size.subarray(12)), Buffer.concat([size.subarray(12), key(false, 0x61)]))
})

void test('control that is lost in the middle of a clipboard: it goes nowhere', () => {
  const client = new RfbClient(false)
  client.push(Buffer.concat([hello, encodings]))
  const paste = provideText(Buffer.from('a secret'))
  client.push(Buffer.concat([key(true, 0x61), paste.subarray(0, 12)]))
  assert.deepEqual(client.setViewOnly(true), key(false, 0x61))
  assert.equal(client.push(paste.subarray(12)).length, 0)
})

void test('a clipboard goes on as text that guests can use, made anew', () => {
  const client = new RfbClient(false)
  client.push(Buffer.concat([hello, encodings]))
  const said = 'one\r\ntwo, grün\r\n\0'
  const passed = client.push(clipboard(0x10000001, packed(said)))
  assert.equal(passed.readInt32BE(4), -(passed.length - 8))
  assert.equal(passed.readUInt32BE(8), 0x10000001)
  const content = inflateSync(passed.subarray(12))
  assert.equal(content.readUInt32BE(), content.length - 4)
  assert.equal(content.subarray(4).toString(), 'one\ntwo, grün\n')
  assert.deepEqual(client.push(clipboard(0x0800000f)), notify, 'no other format is offered')
  assert.equal(client.push(clipboard(0x10000004, packed('<b>'))).length, 0, 'nor given')
  const longest = 'x'.repeat(clipboardTextBytesMax)
  assert.ok(client.push(clipboard(0x10000001, packed(longest))).length > 0)
})

void test('what is no RFB is refused', () => {
  const refused = [
    Buffer.from('GET / HTTP/1.1\r\n\r\n'),
    Buffer.from('RFB 003.009\n'),
    Buffer.concat([Buffer.from('RFB 003.008\n'), Buffer.of(19)]),
    Buffer.concat([hello, Buffer.of(77)]),
    Buffer.concat([hello, Buffer.of(255, 9, 0, 0)]),
    Buffer.concat([hello, Buffer.of(2, 0, 255, 255)]),
    Buffer.concat([hello, cutText(clipboardBytesMax + 1)]),
    Buffer.concat([hello, notify]),
    ...[
      clipboard(0x18000001),
      clipboard(0x40000001),
      clipboard(0x08000001, Buffer.alloc(4)),
      clipboard(0x01000001, Buffer.alloc(5)),
      clipboard(0x10000001),
      clipboard(0x10000001, Buffer.from('no zlib')),
      clipboard(0x10000001, packed('short', 6)),
      clipboard(0x10000001, packed('x'.repeat(clipboardTextBytesMax + 1))),
      // A bomb.
      clipboard(0x10000001, packed('x'.repeat(50 * clipboardTextBytesMax))),
      Buffer.concat([Buffer.of(6, 0, 0, 0, 255, 255, 255, 253), Buffer.alloc(3)]),
    ].map(said => Buffer.concat([hello, encodings, said])),
    Buffer.concat([hello, Buffer.of(6, 0, 0, 0, 128, 0, 0, 0)]),
  ]
  for (const said of refused)
    assert.throws(() => new RfbClient(false).push(said), MalformedRfb, said.toString('hex', 0, 60))
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 400 }), bytes => {
      try {
        new RfbClient(false).push(Buffer.concat([hello, bytes]))
      } catch (error) {
        assert(error instanceof MalformedRfb)
      }
    }),
  )
})

void test('of who only looks on no clipboard is so much as unpacked', () => {
  const client = new RfbClient(true)
  client.push(Buffer.concat([hello, encodings]))
  assert.equal(client.push(clipboard(0x10000001, Buffer.from('no zlib'))).length, 0)
  assert.deepEqual(client.push(update), update)
  assert.throws(
    () => client.push(Buffer.concat([Buffer.of(6, 0, 0, 0, 255, 255, 255, 253), Buffer.alloc(3)])),
    MalformedRfb,
  )
})

void test('clipboards are unpacked at the pace of somebody who copies: each of them holds up all others', () => {
  let steady_ms = 0
  const client = new RfbClient(false, { steady_ms: () => steady_ms })
  client.push(Buffer.concat([hello, encodings]))
  const long = provideText(Buffer.from('x'.repeat(clipboardTextBytesMax)))
  const short = provideText(Buffer.from('copied'))
  for (let n = 0; n < 100; n++) assert.deepEqual(client.push(short), short)
  client.push(Buffer.concat([long, long]))
  steady_ms += 20_000
  assert.ok(client.push(long).length > 0)
  assert.throws(() => client.push(Buffer.concat(Array<Buffer>(1000).fill(long))), /more clipboards in a short time/)
})

void test('RFB 3.3 has no choice of security', () => {
  const said = Buffer.concat([Buffer.from('RFB 003.003\n'), Buffer.of(0), update])
  assert.deepEqual(new RfbClient(true).push(said), Buffer.concat([Buffer.from('RFB 003.003\n'), Buffer.of(1), update]))
})
