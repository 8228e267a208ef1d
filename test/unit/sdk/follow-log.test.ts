/** A log that is followed goes on where it was, over lines that break or fall silent. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ApiProblem } from '../../../src/sdk/errors.ts'
import { followLog } from '../../../src/sdk/follow-log.ts'

type Line = (tail: string, signal: AbortSignal) => AsyncGenerator<string>

/** Ends as the signal fires, as a socket does. */
const silence = (signal: AbortSignal) =>
  new Promise<never>((_, reject) => {
    if (signal.aborted) reject(signal.reason as Error)
    signal.addEventListener('abort', () => reject(signal.reason as Error))
  })

function logOf(lines: readonly Line[]) {
  const stop = new AbortController()
  const log = { is: '', shown: '', asked: [] as number[], said: [] as string[], stop }
  const follow = () =>
    followLog({
      async open(tail_bytes, signal) {
        const line = lines[log.asked.length]
        log.asked.push(tail_bytes)
        if (!line) throw new Error('no more lines')
        return bytesOf(line(log.is.slice(-tail_bytes), signal))
      },
      tail_bytes: 1000,
      signal: stop.signal,
      write: bytes => void (log.shown += Buffer.from(bytes).toString()),
      anew: () => void log.said.push('anew'),
      said: state => void log.said.push(state),
      silence_ms: 60,
      gathered_ms: 20,
      retry_ms: 5,
    })
  return { log, follow }
}

async function* bytesOf(line: AsyncGenerator<string>): AsyncGenerator<Uint8Array> {
  for await (const text of line) yield Buffer.from(text)
}

void test('a line that is silent is given up for another, and one that breaks, too: nothing is said twice or left out', async () => {
  const { log, follow } = logOf([
    async function* (tail, signal) {
      yield tail
      log.is += 'one\n'
      yield 'one\n'
      await silence(signal)
    },
    // Nobody told of it: it was written while the line was dead.
    async function* (tail, signal) {
      log.is += 'two\n'
      yield `${tail}two\n`
      log.is += 'three\n'
      await silence(signal)
    },
    async function* (tail) {
      yield tail.slice(0, 9)
      yield tail.slice(9)
      await new Promise(resolve => setTimeout(resolve, 40))
      throw new Error('reset by a proxy')
    },
    async function* (tail) {
      log.is += 'end\n'
      yield `${tail}end\n`
    },
  ])
  log.is = 'booting\n'
  await follow()
  assert.equal(log.shown, 'booting\none\ntwo\nthree\nend\n')
  assert.equal(log.asked.length, 4)
  assert.ok((log.asked[1] ?? 0) < (log.asked[3] ?? 0), 'after silence less is read again')
  assert.deepEqual(log.said, ['following', 'following', 'following', 'lost', 'following'])
})

void test('a guest that has said the same again and again, and now nothing, is not repeated', async () => {
  const { log, follow } = logOf([
    async function* (tail, signal) {
      yield tail
      await silence(signal)
    },
    async function* (tail, signal) {
      yield tail
      await silence(signal)
    },
    async function* (tail) {
      yield `${tail}end\n`
    },
  ])
  log.is = 'login: \n'.repeat(100)
  await follow()
  assert.ok(log.shown.startsWith(log.is))
  assert.ok(!log.said.slice(0, 2).includes('anew'))
})

void test('a log that does not hold what was shown is written anew, and who may not read it is told', async () => {
  const { log, follow } = logOf([
    async function* (tail) {
      yield tail
      throw new Error('reset')
    },
    async function* () {
      yield 'of another machine\n'
    },
    async function* () {
      yield 'of another machine\n'
    },
  ])
  log.is = 'booting\n'
  await follow()
  assert.equal(log.shown, 'booting\nof another machine\n')
  assert.ok(log.said.includes('anew'))
  const refused = followLog({
    open: () => Promise.reject(new ApiProblem(404, { detail: 'gone' })),
    tail_bytes: 10,
    signal: new AbortController().signal,
    write: () => undefined,
    anew: () => undefined,
  })
  await assert.rejects(refused, /gone/)
})

for (const late of [false, true]) {
  void test(`what cannot be written ends it${late ? ', also what is found on a line after the first' : ''}`, async () => {
    const stop = new AbortController()
    let lines = 0
    let left = late ? 1 : 0
    const follow = followLog({
      async open(_, signal) {
        lines++
        const text = lines === 1 ? 'one\n' : 'one\ntwo\n'
        return (async function* () {
          yield Buffer.from(text)
          if (late && lines === 1) throw new Error('the line broke')
          await silence(signal)
        })()
      },
      tail_bytes: 1000,
      signal: stop.signal,
      write() {
        if (left-- <= 0) throw new Error('the disk is full')
      },
      anew: () => undefined,
      silence_ms: 2000,
      gathered_ms: 20,
      retry_ms: 5,
    })
    await assert.rejects(follow, /the disk is full/)
    assert.equal(lines, late ? 2 : 1)
  })
}
