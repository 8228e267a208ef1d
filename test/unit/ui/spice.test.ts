/** The page's SPICE, without a server: tickets against Node's own cryptography, packed pictures, keys, and what is said to the guest's agent. */
import assert from 'node:assert/strict'
import { constants, createHash, generateKeyPairSync, privateDecrypt } from 'node:crypto'
import { test } from 'node:test'
import fc from 'fast-check'
import { joined } from '../../../src/sdk/joined.ts'
import { Agent } from '../../../src/ui/console/spice/agent.ts'
import { Bytes, type Outlet, pack, u32 } from '../../../src/ui/console/spice/bytes.ts'
import { Inputs } from '../../../src/ui/console/spice/inputs.ts'
import { unpackLz } from '../../../src/ui/console/spice/lz.ts'
import { emptyTicket, sha1 } from '../../../src/ui/console/spice/ticket.ts'

void test('a ticket is what the server decrypts to an empty password', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), bytes => {
      assert.deepEqual(Buffer.from(sha1(bytes)), createHash('sha1').update(bytes).digest())
    }),
  )
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 1024 })
  const key = publicKey.export({ type: 'spki', format: 'der' })
  assert.equal(key.length, 162)
  const ticket = emptyTicket(key, bytes => crypto.getRandomValues(bytes))
  const padding = constants.RSA_PKCS1_OAEP_PADDING
  assert.deepEqual(privateDecrypt({ key: privateKey, padding, oaepHash: 'sha1' }, ticket), Buffer.of(0))
})

const big = (value: number) => {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}
const lz = (width: number, height: number, packed: readonly number[], { kind = 8, top_down = 1 } = {}) =>
  new Bytes(Buffer.concat([...[0x20205a4c, 1, kind, width, height, width * 4, top_down].map(big), Buffer.from(packed)]))

void test('a packed picture: points, what refers back, and what is not to be believed', () => {
  // Two points as they are, then the two before again and again: a length of 7 and more is written in further bytes.
  const picture = unpackLz(lz(4, 4, [1, 1, 2, 3, 4, 5, 6, 0xe0, 7, 1]), 100)
  const two = [3, 2, 1, 255, 6, 5, 4, 255]
  assert.deepEqual([...picture.points], Array.from({ length: 8 }, () => two).flat())
  const turned = unpackLz(lz(1, 2, [1, 1, 2, 3, 4, 5, 6], { top_down: 0 }), 100)
  assert.deepEqual([...turned.points], [...two.slice(4), ...two.slice(0, 4)])
  const clear = unpackLz(lz(1, 2, [1, 1, 2, 3, 4, 5, 6, 1, 9, 8], { kind: 9 }), 100)
  assert.deepEqual([...clear.points], [3, 2, 1, 9, 6, 5, 4, 8])
  for (const bad of [lz(100, 100, []), lz(2, 2, [0x20, 5]), lz(2, 2, [3, 1, 2]), lz(2, 2, [], { kind: 5 })]) {
    assert.throws(() => unpackLz(bad, 100), RangeError)
  }
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), bytes => {
      try {
        assert.equal(unpackLz(lz(9, 9, [...bytes]), 100).points.length, 9 * 9 * 4)
      } catch (error) {
        assert.ok(error instanceof RangeError)
      }
    }),
  )
})

function channel() {
  const sent: { type: number; body: Buffer }[] = []
  const send = (type: number, body: Uint8Array = new Uint8Array()) => void sent.push({ type, body: Buffer.from(body) })
  const channel: Outlet = { send }
  return { sent, channel }
}

void test('keys as a PC keyboard says them; of moves that come too fast the last', () => {
  const { sent, channel: of } = channel()
  const inputs = new Inputs(of)
  assert.equal(inputs.key('KeyA', true), true)
  inputs.key('KeyA', false)
  inputs.key('ArrowLeft', true)
  assert.equal(inputs.key('Unidentified', true), false)
  inputs.releaseAll()
  inputs.releaseAll()
  assert.deepEqual(
    sent.map(one => [one.type, one.body.readUInt32LE().toString(16)]),
    [
      [101, '1e'],
      [102, '9e'],
      [101, '4be0'],
      [102, 'cbe0'],
    ],
  )
  sent.length = 0
  for (let x = 0; x < 20; x++) inputs.pointer(x, 0, 0)
  assert.equal(sent.length, 8)
  inputs.hear(111, new Bytes(new Uint8Array()))
  assert.equal(sent.at(-1)?.body.readUInt32LE(), 19)
  sent.length = 0
  inputs.buttons(2)
  inputs.buttons(2)
  inputs.buttons(0)
  assert.deepEqual(
    sent.map(one => [one.type, ...one.body]),
    [
      [113, 3, 4, 0],
      [114, 3, 0, 0],
    ],
  )
})

/** Of a guest's agent. */
const said = (kind: number, body: Uint8Array) =>
  joined([pack(u32(1), u32(kind), u32(0), u32(0), u32(body.length)), body])

void test('the clipboard: asked for what the guest copied, given when the guest asks, in pieces and by tokens', () => {
  const { sent, channel: of } = channel()
  const texts: string[] = []
  const agent = new Agent(of, text => texts.push(text))
  agent.offer('before there is anybody')
  assert.equal(sent.length, 0)
  agent.connected(3)
  const told = () => sent.filter(one => one.type === 107).map(one => one.body)
  assert.deepEqual(
    [told()[0]?.readUInt32LE(4), told()[0]?.readUInt32LE(20)],
    [6, 1],
    'what it can, and the same is asked',
  )
  agent.hear(said(6, pack(u32(0), u32(1 << 6))))
  const text = new TextEncoder().encode('kopiert ✓')
  // In pieces that keep to no bounds: grab, then the text of the primary selection, which is not wanted, then the clipboard's.
  const all = joined([said(7, pack(u32(0), u32(1))), said(4, joined([pack(u32(1), u32(1)), text]))])
  for (const [n] of all.entries()) agent.hear(all.subarray(n, n + 1))
  assert.deepEqual(texts, [])
  assert.equal(told().at(-1)?.readUInt32LE(4), 8)
  agent.hear(said(4, joined([pack(u32(0), u32(1)), text])))
  assert.deepEqual(texts, ['kopiert ✓'])
  agent.offer('x'.repeat(5000))
  agent.hear(said(8, pack(u32(0), u32(1))))
  assert.equal(told().length, 3, 'no more than it takes')
  agent.tokensCame(10)
  const given = Buffer.concat(told().slice(3))
  assert.deepEqual([given.readUInt32LE(4), given.length], [4, 20 + 8 + 5000])
  assert.ok(told().every(one => one.length <= 2048))
  // Longer than anything that is taken.
  const long = joined([
    said(4, joined([pack(u32(0), u32(1)), new Uint8Array(600 * 1024).fill(1)])),
    said(9, new Uint8Array()),
  ])
  for (let at = 0; at < long.length; at += 2000) agent.hear(long.subarray(at, at + 2000))
  agent.hear(said(4, joined([pack(u32(0), u32(1)), text])))
  assert.deepEqual(texts, ['kopiert ✓', 'kopiert ✓'])
})
