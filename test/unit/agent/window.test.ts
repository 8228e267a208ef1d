/** How much of a guest's memory is on its way between two relays: enough for the line, and little more; and it never stands still. */
import assert from 'node:assert/strict'
import { Duplex } from 'node:stream'
import { describe, test } from 'node:test'
import {
  parseTaken,
  sayTaken,
  takenLine,
  told_bytes,
  Window,
  window_bytes_min,
} from '../../../src/agent/peer/window.ts'

const chunk_bytes = 64 * 1024

/** A line of this rate and delay (there and back), over which as much is sent as may be; the most that was on its way in the second half. */
function run(line: { bytes_ms: number; delay_ms: number }, of_ms: number) {
  const window = new Window()
  let sent = 0
  let may = true
  const words: { at_ms: number; bytes: number }[] = []
  let taken = 0
  let told = 0
  let most = 0
  const arrivals: { at_ms: number; bytes: number }[] = []
  window.taken(0, 0)
  let time_ms = 0
  for (let now_ms = 0; now_ms < of_ms; now_ms++) {
    time_ms = now_ms
    for (; words[0] !== undefined && words[0].at_ms <= now_ms; words.shift()) window.taken(words[0].bytes, now_ms)
    const waits = () => may && sent - taken < 2 ** 28
    while (waits()) {
      may = false
      window.send(chunk_bytes, now_ms, () => {
        may = true
        sent += chunk_bytes
        arrivals.push({ at_ms: time_ms + line.delay_ms / 2, bytes: chunk_bytes })
      })
    }
    for (let room = line.bytes_ms; arrivals[0] !== undefined && arrivals[0].at_ms <= now_ms && room > 0; ) {
      const part = Math.min(room, arrivals[0].bytes)
      room -= part
      taken += part
      const left = arrivals[0].bytes - part
      if (left === 0) arrivals.shift()
      else arrivals[0] = { ...arrivals[0], bytes: left }
    }
    if (taken - told >= told_bytes) words.push({ at_ms: now_ms + line.delay_ms / 2, bytes: (told = taken) })
    if (now_ms > of_ms / 2) most = Math.max(most, sent - taken)
  }
  return { rate: taken / of_ms, most }
}

describe('agent/peer/window', () => {
  test('a slow line is kept busy, and little waits on it', () => {
    const { rate, most } = run({ bytes_ms: 25_000, delay_ms: 2 }, 2000)
    assert.ok(rate > 24_000, `${rate}`)
    assert.ok(most <= window_bytes_min + 4 * chunk_bytes, `${most}`)
  })

  test('a fast line and a long one are used whole', () => {
    for (const line of [
      { bytes_ms: 400_000, delay_ms: 2 },
      { bytes_ms: 100_000, delay_ms: 40 },
    ]) {
      const { rate, most } = run(line, 4000)
      assert.ok(rate > 0.8 * line.bytes_ms, `${rate} of ${line.bytes_ms}`)
      assert.ok(most < line.bytes_ms * (line.delay_ms + 40), `${most}`)
    }
  })

  test('nothing is held back for who tells nothing, nor when nobody will tell any more', () => {
    const silent = new Window()
    let went = 0
    for (let n = 0; n < 1000; n++) silent.send(chunk_bytes, n, () => went++)
    assert.equal(went, 1000)
    const told = new Window()
    told.taken(0, 0)
    went = 0
    for (let n = 0; n < 8; n++) told.send(chunk_bytes, n, () => went++)
    assert.equal(went, 8)
    told.send(chunk_bytes, 9, () => went++)
    assert.equal(went, 8)
    told.open()
    assert.equal(went, 9)
    told.send(chunk_bytes, 10, () => went++)
    assert.equal(went, 10)
  })

  test('a host that asks to be told and never reads it is cut off, and nothing piles up for it', () => {
    // As a socket whose other end reads nothing: the first write never ends.
    const deaf = new Duplex({ read() {}, write() {} }).on('error', () => undefined)
    let said = 0
    for (; !deaf.destroyed && said < 1e6; said++) sayTaken(deaf, takenLine(1, said * told_bytes))
    assert.ok(deaf.destroyed)
    assert.ok(said * told_bytes > 2 ** 30, 'not of one that is merely late')
    sayTaken(deaf, takenLine(1, 0))
  })

  test('its lines are told from messages', () => {
    assert.deepEqual(parseTaken(takenLine(3, 2 ** 40)), { number: 3, bytes: 2 ** 40 })
    for (const other of ['', '{"type":"ask"}', '+', '+1', '+1 x', '+1 2 3']) assert.equal(parseTaken(other), null)
  })
})
