/** What the client does when the other end is broken, hostile, slow or picky; the real daemon is in test/real/libvirt. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import { setImmediate as immediate } from 'node:timers/promises'
import { frameStatus, frameType } from '../../../src/lib/libvirt/frames.ts'
import {
  ConnectionError,
  isNoDomain,
  Libvirt,
  type LibvirtStream,
  TimeoutError,
} from '../../../src/lib/libvirt/index.ts'
import { KEEPALIVE, remote } from '../../../src/lib/libvirt/procedures.ts'
import { writeDomain } from '../../../src/lib/libvirt/refs.ts'
import { XdrWriter } from '../../../src/lib/libvirt/xdr.ts'
import { ERROR, FakeDaemon, opened, refusal, text, words } from './fake-daemon.ts'

const UUID = '6695eb01-f6a4-8304-79aa-97f2502e193f'

test('a daemon that wants a sign-in is named with what it wants', async () => {
  await using daemon = await FakeDaemon.start((frame, peer) => peer.reply(frame, words(2, 1, 2)))
  await assert.rejects(Libvirt.connect({ path: daemon.path }), (error: unknown) => {
    assert.ok(error instanceof ConnectionError)
    assert.equal(error.reason, 'auth')
    assert.match(error.message, /SASL or polkit/)
    return true
  })
})

test('something that is not libvirtd is recognised by its first bytes', async () => {
  await using daemon = await FakeDaemon.start((_frame, peer) => peer.socket.write('HTTP/1.1 400 Bad Request\r\n\r\n'))
  await assert.rejects(Libvirt.connect({ path: daemon.path }), { reason: 'protocol', message: /does not speak/ })
})

test('an answer that cannot be decoded ends the connection with a clear error', async () => {
  for (const body of [words(99), words(0xffff_ffff), Buffer.concat([text('name'), words(1)]), Buffer.alloc(0)]) {
    await using daemon = await FakeDaemon.start(opened((frame, peer) => peer.reply(frame, body)))
    const libvirt = await Libvirt.connect({ path: daemon.path })
    await assert.rejects(libvirt.host.hostname(), { reason: 'protocol', message: /connect_get_hostname/ })
    assert.equal(libvirt.closed?.reason, 'protocol')
  }
})

test('a refusal becomes a LibvirtError, with and without a message', async () => {
  const messages = ['Domain not found', null]
  await using daemon = await FakeDaemon.start(
    opened((frame, peer) => peer.reply(frame, refusal(42, messages.shift() ?? null), ERROR)),
  )
  await using libvirt = await Libvirt.connect({ path: daemon.path })
  await assert.rejects(libvirt.domains.lookupByName('x'), error => {
    assert.ok(isNoDomain(error))
    assert.equal(error.domain, 10)
    assert.match(error.message, /^Domain not found/)
    return true
  })
  await assert.rejects(libvirt.domains.lookupByName('x'), isNoDomain)
})

test('never has more than five calls under way, and keeps the rest in order', async () => {
  let under_way = 0
  let most = 0
  const order: number[] = []
  await using daemon = await FakeDaemon.start(
    opened((frame, peer) => {
      most = Math.max(most, ++under_way)
      order.push(frame.serial)
      setImmediate(() => {
        under_way--
        peer.reply(frame, text('host'))
      })
    }),
  )
  await using libvirt = await Libvirt.connect({ path: daemon.path })
  const names = await Promise.all(Array.from({ length: 50 }, () => libvirt.host.hostname()))
  assert.equal(names.length, 50)
  assert.equal(most, 5)
  assert.deepEqual(
    order,
    order.toSorted((a, b) => a - b),
  )
})

test('all calls, sent and waiting, fail when the connection ends', async () => {
  let seen = 0
  await using daemon = await FakeDaemon.start(
    opened((_frame, peer) => {
      if (++seen === 5) peer.socket.destroy()
    }),
  )
  const libvirt = await Libvirt.connect({ path: daemon.path })
  const closed = once(libvirt, 'close')
  const results = await Promise.allSettled(Array.from({ length: 8 }, () => libvirt.host.hostname()))
  for (const result of results) {
    assert.ok(result.status === 'rejected' && result.reason instanceof ConnectionError)
    assert.equal(result.reason.reason, 'closed_by_daemon')
  }
  await closed
  await assert.rejects(libvirt.host.hostname(), { reason: 'closed_by_daemon' })
})

test('an answer that comes after its timeout frees its place and disturbs nothing', async () => {
  const late: (() => void)[] = []
  await using daemon = await FakeDaemon.start(
    opened((frame, peer) => {
      if (late.length < 5) late.push(() => peer.reply(frame, text('late')))
      else peer.reply(frame, text('prompt'))
    }),
  )
  await using libvirt = await Libvirt.connect({ path: daemon.path, call_timeout_ms: 30 })
  const slow = await Promise.allSettled(Array.from({ length: 5 }, () => libvirt.host.hostname()))
  assert.ok(slow.every(result => result.status === 'rejected' && result.reason instanceof TimeoutError))
  for (const answer of late) answer()
  assert.equal(await libvirt.host.hostname(), 'prompt')
})

test('answers the daemon’s pings', async () => {
  const { promise, resolve } = Promise.withResolvers<number>()
  await using daemon = await FakeDaemon.start(
    opened((frame, peer) => {
      if (frame.program === KEEPALIVE.number) return resolve(frame.procedure)
      peer.send({ program: KEEPALIVE.number, procedure: 1 })
      peer.reply(frame, text('host'))
    }),
  )
  await using libvirt = await Libvirt.connect({ path: daemon.path })
  await libvirt.host.hostname()
  assert.equal(await promise, 2)
})

test('gives a daemon up that answers no pings, and not one that does', async () => {
  let answering = true
  let pings = 0
  await using daemon = await FakeDaemon.start(
    opened((frame, peer) => {
      if (frame.program !== KEEPALIVE.number) return
      pings++
      if (answering) peer.send({ program: KEEPALIVE.number, procedure: 2 })
      if (pings === 4) answering = false
    }),
  )
  const libvirt = await Libvirt.connect({ path: daemon.path, keepalive_interval_ms: 5, keepalive_missed_max: 2 })
  const [why] = await once(libvirt, 'close')
  assert.equal(why.reason, 'unresponsive')
  assert.equal(pings, 6)
})

test('an event is read into its kind; one that is unknown is passed over; one that is broken ends the connection', async () => {
  const lifecycle = new XdrWriter().i32(7)
  writeDomain(lifecycle, { name: 'test', uuid: UUID, id: 3 })
  const started = lifecycle.i32(2).i32(1).finish()
  await using daemon = await FakeDaemon.start(
    opened((frame, peer) => {
      peer.send({ procedure: 999 }, words(1, 2, 3))
      peer.send({ procedure: remote.domain_event_callback_lifecycle.number }, started)
      peer.send({ procedure: remote.domain_event_callback_lifecycle.number }, started.subarray(0, 20))
      peer.reply(frame, words(7))
    }),
  )
  const libvirt = await Libvirt.connect({ path: daemon.path })
  const event = once(libvirt, 'event')
  await assert.rejects(libvirt.subscribe('lifecycle'), { reason: 'protocol' })
  assert.deepEqual((await event)[0], {
    kind: 'lifecycle',
    callback_id: 7,
    domain: { name: 'test', uuid: UUID, id: 3 },
    change: 'started',
    detail: 'migrated',
  })
})

test('a stream that fails in the same breath as it opens is a failed call', async () => {
  await using daemon = await FakeDaemon.start(
    opened((frame, peer) => {
      peer.reply(frame)
      peer.reply(frame, refusal(38, 'disk gone'), { type: frameType.stream, ...ERROR })
    }),
  )
  await using libvirt = await Libvirt.connect({ path: daemon.path })
  await assert.rejects(libvirt.guest.openConsole({ uuid: UUID }), /disk gone/)
})

test('a stream granted after its caller gave up is aborted', async () => {
  const aborted = Promise.withResolvers<number>()
  let grant = () => {}
  await using daemon = await FakeDaemon.start(
    opened((frame, peer) => {
      if (frame.type === frameType.stream) return aborted.resolve(frame.status)
      grant = () => peer.reply(frame)
    }),
  )
  await using libvirt = await Libvirt.connect({ path: daemon.path, call_timeout_ms: 20 })
  await assert.rejects(libvirt.guest.openConsole({ uuid: UUID }), TimeoutError)
  grant()
  assert.equal(await aborted.promise, frameStatus.error)
})

test('a reader that waits holds the daemon back, within the bound that it was given', async () => {
  let sent_bytes = 0
  await using daemon = await FakeDaemon.start(
    opened((frame, peer) => {
      const stream = { ...frame, type: frameType.stream }
      if (frame.type === frameType.call) {
        peer.reply(frame)
        const chunk = Buffer.alloc(60_000, 1)
        const pour = () => {
          if (sent_bytes >= 30_000_000)
            return peer.reply(stream, undefined, { ...stream, status: frameStatus.continue })
          sent_bytes += chunk.length
          peer.reply(stream, chunk, { ...stream, status: frameStatus.continue })
          if (peer.socket.writableNeedDrain) peer.socket.once('drain', pour)
          else setImmediate(pour)
        }
        return pour()
      }
      peer.reply(stream, undefined, stream)
    }),
  )
  await using libvirt = await Libvirt.connect({ path: daemon.path })
  const stream: LibvirtStream = await libvirt.guest.openConsole({ uuid: UUID }, null, 0, { buffer_bytes_max: 100_000 })
  let read_bytes = 0
  for await (const chunk of stream) {
    read_bytes += (chunk as Buffer).length
    assert.ok(stream.readableLength < 300_000, `${stream.readableLength} bytes wait for the reader`)
    // Beside those: what the two sockets' buffers hold.
    assert.ok(sent_bytes - read_bytes < 1_500_000, `${sent_bytes - read_bytes} bytes are under way`)
    // Slower than the daemon by far.
    for (let turn = 0; turn < 10; turn++) await immediate()
  }
  assert.equal(read_bytes, 30_000_000)
})
