/** One serial stream, many viewers. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { PassThrough, Readable, type Duplex } from 'node:stream'
import { test } from 'node:test'
import { SharedConsoles } from '../../../src/agent/consoles.ts'

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
    else await once(viewer, 'readable', { signal: AbortSignal.timeout(2000) })
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
  while (bytes < 8 * text.length) await once(fast, 'data', { signal: AbortSignal.timeout(2000) })
})
