import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { buildFrame, type Frame, FrameSplitter, HEADER_BYTES } from '../../../src/lib/libvirt/frames.ts'
import { XdrError } from '../../../src/lib/libvirt/xdr.ts'

const word = fc.nat(0xffff_ffff)
const header = fc.record({
  program: word,
  version: word,
  procedure: fc.nat(1000),
  type: fc.nat(6),
  serial: word,
  status: fc.nat(2),
})
const message = fc.tuple(header, fc.uint8Array({ maxLength: 100 }))

test('frames come out whole and in order, wherever the bytes are split', () => {
  fc.assert(
    fc.property(fc.array(message), fc.array(fc.nat(40)), (messages, sizes) => {
      const bytes = Buffer.concat(messages.map(([header, body]) => buildFrame(header, body)))
      const splitter = new FrameSplitter()
      const frames: Frame[] = []
      let at = 0
      for (const size of [...sizes, bytes.length]) {
        frames.push(...splitter.push(bytes.subarray(at, at + size)))
        at = Math.min(bytes.length, at + size)
      }
      const wanted = messages.map(([header, body]) => ({ ...header, body: Buffer.from(body) }))
      assert.deepEqual(frames, wanted)
      assert.equal(splitter.held_bytes, 0)
    }),
  )
})

test('every single split point of two frames works', () => {
  const head = { program: 1, version: 1, procedure: 2, type: 1, serial: 3, status: 0 }
  const bytes = Buffer.concat([buildFrame(head, Buffer.from('abcd')), buildFrame({ ...head, serial: 4 })])
  for (let at = 0; at <= bytes.length; at++) {
    const splitter = new FrameSplitter()
    const frames = [...splitter.push(bytes.subarray(0, at)), ...splitter.push(bytes.subarray(at))]
    assert.deepEqual(
      frames.map(frame => [frame.serial, frame.body.toString()]),
      [
        [3, 'abcd'],
        [4, ''],
      ],
    )
  }
})

test('a caller that stops in the middle loses nothing', () => {
  const head = { program: 1, version: 1, procedure: 2, type: 1, serial: 1, status: 0 }
  const splitter = new FrameSplitter()
  for (const frame of splitter.push(Buffer.concat([buildFrame(head), buildFrame({ ...head, serial: 2 })]))) {
    assert.equal(frame.serial, 1)
    break
  }
  assert.deepEqual(
    [...splitter.push(Buffer.alloc(0))].map(frame => frame.serial),
    [2],
  )
})

test('lengths that no frame can have are refused at once', () => {
  for (const length of [0, 4, HEADER_BYTES - 1, 32 * 1024 * 1024 + 5, 0xffff_ffff]) {
    const bytes = Buffer.alloc(4)
    bytes.writeUInt32BE(length)
    assert.throws(() => [...new FrameSplitter().push(bytes)], XdrError)
  }
})
