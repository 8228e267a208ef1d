/** One serial stream, many viewers. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { PassThrough, Readable, Duplex } from 'node:stream'
import { test } from 'node:test'
import { SharedConsoles, typedMax_bytes } from '../../../src/agent/consoles.ts'
import { piece_bytes } from '../../../src/agent/pieces.ts'

function guest() {
  const streams: { serial: Duplex; typed: string[]; write(text: string): void }[] = []
  const consoles = new SharedConsoles({
    async openConsole() {
      const out = new PassThrough()
      const typed: string[] = []
      const serial = out
      serial.write = ((chunk: Buffer) => {
        typed.push(chunk.toString())
        return true
      }) as typeof serial.write
      streams.push({ serial, typed, write: text => void out.push(text) })
      return serial
    },
    readConsoleLog: async () => Readable.from([Buffer.from('booted\n')]),
  })
  return { consoles, streams }
}

async function says(viewer: Duplex, text: string): Promise<void> {
  let seen = ''
  while (!seen.includes(text)) {
    const part = viewer.read() as Buffer | null
    if (part) seen += part.toString()
    else await once(viewer, 'readable', { signal: AbortSignal.timeout(30_000) })
  }
}

void test('all see what the guest writes, any may type, and a newcomer sees what was before', async () => {
  const { consoles, streams } = guest()
  const [one, two] = await Promise.all([consoles.open('a', 0), consoles.open('a', 4096)])
  assert.equal(streams.length, 1)
  await says(two, 'booted\n')
  streams[0]?.write('login: ')
  await Promise.all([says(one, 'login: '), says(two, 'login: ')])
  one.write('root\r')
  two.write('x')
  assert.deepEqual(streams[0]?.typed, ['root\r', 'x'])
  const three = await consoles.open('a', 1024)
  await says(three, 'booted\nlogin: ')
  const four = await consoles.open('a', 5)
  await says(four, 'gin: ')
})

void test('the stream is closed after the last viewer, and opened anew for the next', async () => {
  const { consoles, streams } = guest()
  const one = await consoles.open('a', 0)
  const two = await consoles.open('a', 0)
  one.destroy()
  await once(one, 'close')
  assert.equal(streams[0]?.serial.destroyed, false)
  two.destroy()
  await once(two, 'close')
  assert.equal(streams[0]?.serial.destroyed, true)
  await consoles.open('a', 0)
  assert.equal(streams.length, 2)
})

void test('when the guest goes, all viewers end', async () => {
  const { consoles, streams } = guest()
  const one = await consoles.open('a', 0)
  one.resume()
  streams[0]?.serial.destroy()
  await once(one, 'end')
})

void test('who reads nothing is let go, and holds up nobody', async () => {
  const { consoles, streams } = guest()
  const slow = await consoles.open('a', 0)
  const fast = await consoles.open('a', 0)
  let bytes = 0
  fast.on('data', (chunk: Buffer) => (bytes += chunk.length))
  slow.on('error', () => undefined)
  const gone = once(slow, 'close')
  const text = 'x'.repeat(1024 * 1024)
  for (let n = 0; n < 8; n++) {
    streams[0]?.write(text)
    await new Promise(setImmediate)
  }
  await gone
  while (bytes < 8 * text.length) await once(fast, 'data', { signal: AbortSignal.timeout(30_000) })
})

/** A guest that reads what is typed when it is told to. */
class DeafGuest extends Duplex {
  readonly read_bytes: { n: number } = { n: 0 }
  #held: (() => void)[] | null = []

  constructor() {
    super({ writableHighWaterMark: 4096 })
  }

  override _read(): void {
    // It says nothing by itself.
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    const take = () => {
      this.read_bytes.n += chunk.length
      done()
    }
    if (this.#held) this.#held.push(take)
    else take()
  }

  hears(): void {
    const held = this.#held ?? []
    this.#held = null
    for (const take of held) take()
  }
}

void test('what a guest does not read waits for it, is told of, and holds up no line; more than is kept is dropped, and told', async () => {
  const guest = new DeafGuest()
  const consoles = new SharedConsoles({ openConsole: async () => guest, readConsoleLog: async () => Readable.from([]) })
  const viewer = await consoles.open('a', 0)
  const other = await consoles.open('a', 0)
  const said: string[] = []
  viewer.on('typed', state => said.push(String(state)))
  const piece = Buffer.alloc(8192, 'x')
  const pieces = (256 * 1024) / piece.length
  // A line that is held up would not go on to the next piece, nor to a ping behind it.
  for (let n = 0; n < pieces; n++) assert.ok(await taken(viewer, piece), `piece ${n}`)
  assert.deepEqual(said, ['waiting'])
  guest.push('still here')
  await Promise.all([says(viewer, 'still here'), says(other, 'still here')])
  for (let n = 0; n < typedMax_bytes / piece.length; n++) assert.ok(await taken(viewer, piece))
  assert.deepEqual(said, ['waiting', 'dropped'])
  const taken_again = once(viewer, 'typed', { signal: AbortSignal.timeout(30_000) })
  guest.hears()
  await taken_again
  assert.deepEqual(said, ['waiting', 'dropped', 'taken'])
  const kept = guest.read_bytes.n
  assert.ok(kept >= typedMax_bytes - piece.length && kept <= typedMax_bytes + 3 * piece.length, String(kept))
  assert.ok(await taken(viewer, Buffer.from('ls\r')))
  assert.equal(guest.read_bytes.n, kept + 3)
})

void test('what a guest says letter by letter to who does not read waits in pieces, and all of it comes, then the end', async () => {
  const { consoles, streams } = guest()
  const viewer = await consoles.open('a', 0)
  const letters = 'abcdefghijklmnopqrstuvwxyz'.repeat(4000)
  for (let n = 0; n < letters.length; n++) {
    streams[0]?.write(letters.charAt(n))
    if (n % 1000 === 0) await new Promise(setImmediate)
  }
  await new Promise(setImmediate)
  streams[0]?.serial.destroy()
  await new Promise(setImmediate)
  const parts: Buffer[] = []
  viewer.on('data', (part: Buffer) => parts.push(part))
  await once(viewer, 'end', { signal: AbortSignal.timeout(30_000) })
  assert.equal(Buffer.concat(parts).toString(), letters)
  assert.ok(parts.length < piece_bytes + 100, `they waited in ${parts.length} parts`)
})

void test('what is typed letter by letter costs no more than its bytes, nor holds up the host when the guest reads on', async () => {
  const guest = new DeafGuest()
  const consoles = new SharedConsoles({ openConsole: async () => guest, readConsoleLog: async () => Readable.from([]) })
  const viewer = await consoles.open('a', 0)
  const letter = Buffer.from('x')
  const count = 200_000
  for (let n = 0; n < count; n++) {
    viewer.write(letter)
    if (n % 1000 === 0) await new Promise(setImmediate)
  }
  await new Promise(setImmediate)
  let writes = 0
  const write = guest._write.bind(guest)
  guest._write = (...given) => {
    writes++
    write(...given)
  }
  const all = once(viewer, 'typed', { signal: AbortSignal.timeout(30_000) })
  guest.hears()
  await all
  assert.equal(guest.read_bytes.n, count)
  // What its stream takes by itself came letter by letter.
  assert.ok(writes < guest.writableHighWaterMark + 100, `the guest was written to ${writes} times`)
})

void test('a few keys that a guest does not read are told of after a while', { timeout: 10_000 }, async t => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const guest = new DeafGuest()
  const consoles = new SharedConsoles({ openConsole: async () => guest, readConsoleLog: async () => Readable.from([]) })
  const viewer = await consoles.open('a', 0)
  const said: string[] = []
  viewer.on('typed', state => said.push(String(state)))
  viewer.write(Buffer.alloc(5000, 'x'))
  assert.deepEqual(said, [])
  t.mock.timers.tick(2000)
  assert.deepEqual(said, ['waiting'])
  viewer.destroy()
})

function taken(viewer: Duplex, chunk: Buffer): Promise<boolean> {
  const late = new Promise<boolean>(resolve => setTimeout(resolve, 2000, false).unref())
  return Promise.race([new Promise<boolean>(resolve => viewer.write(chunk, () => resolve(true))), late])
}
