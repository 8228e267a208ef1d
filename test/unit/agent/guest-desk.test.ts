/** Where controllers ask guests: one question and one answer a socket, and bounds that no guest and no asker gets past. */
import assert from 'node:assert/strict'
import { Duplex, duplexPair } from 'node:stream'
import { test } from 'node:test'
import { commandsOfGuest_max, createGuestDesk, questions_max } from '../../../src/agent/guest-desk.ts'
import { readLine, writeLine } from '../../../src/lib/line.ts'
import { type GuestAnswer, type GuestQuestion, questionBytes_max } from '../../../src/protocol/guest.ts'
import { quiet, settle, uuid } from './fakes.ts'

const command: GuestQuestion = { ask: 'run', argv: ['true'], timeout_ms: 1000 }
const done: GuestAnswer = { outcome: 'failed', why: 'no_agent' }

function desk() {
  const asked: { id: string; question: GuestQuestion; gone: AbortSignal; end: (answer: GuestAnswer) => void }[] = []
  const far: Duplex[] = []
  const made = createGuestDesk({
    hypervisor: {
      askGuest: (id, question, gone) =>
        new Promise(resolve => {
          asked.push({ id, question, gone, end: resolve })
        }),
    },
    dialler: {
      stream: () => {
        const [ours, theirs] = duplexPair({ allowHalfOpen: false })
        far.push(theirs)
        return Promise.resolve(ours)
      },
    },
    // A hundred guests each.
    projectOf: id => id.slice(0, -2),
    log: quiet,
  })
  /** The other end of the socket. */
  const open = async (n: number): Promise<Duplex> => {
    await made.serve({ method: 'guest', instance_id: uuid(n), url: 'wss://c', token: 't' })
    const socket = far.at(-1)
    assert(socket)
    return socket
  }
  const ask = async (
    n: number,
    question: GuestQuestion | string,
  ): Promise<{ socket: Duplex; answer: Promise<unknown> }> => {
    const socket = await open(n)
    await writeLine(socket, typeof question === 'string' ? question : JSON.stringify(question))
    await settle()
    const answer = readLine(socket, 1e6).then(line => (line === null ? null : (JSON.parse(line) as unknown)))
    // Those that are cut off hear nothing.
    answer.catch(() => undefined)
    return { socket, answer }
  }
  return { asked, ask, open, made }
}

void test('a question is passed on, and its answer goes back on the same socket', async () => {
  const { asked, ask } = desk()
  const { answer } = await ask(1, command)
  assert.deepEqual([asked[0]?.id, asked[0]?.question], [uuid(1), command])
  asked[0]?.end(done)
  assert.deepEqual(await answer, done)
})

void test('what is no question is none, however it is sent', async () => {
  const { asked, ask, open } = desk()
  for (const text of ['{}', 'nonsense', '{"ask":"run","argv":[],"timeout_ms":1000}', '{"ask":"run","argv":["a"]}'])
    assert.deepEqual(await (await ask(1, text)).answer, { outcome: 'failed', why: 'strange' })
  const socket = await open(1)
  await writeLine(socket, 'x'.repeat(questionBytes_max + 1))
  assert.deepEqual(JSON.parse(String(await readLine(socket, 1e6))), { outcome: 'failed', why: 'strange' })
  assert.equal(asked.length, 0)
})

void test('who asks for details while another does hears the same; a guest’s commands are bounded, and others’ go on', async () => {
  const { asked, ask } = desk()
  const details = [await ask(1, { ask: 'details' }), await ask(1, { ask: 'details' })]
  assert.equal(asked.length, 1)
  asked[0]?.end(done)
  for (const { answer } of details) assert.deepEqual(await answer, done)
  for (let n = 0; n < commandsOfGuest_max; n++) await ask(1, command)
  assert.deepEqual(await (await ask(1, command)).answer, { outcome: 'failed', why: 'busy' })
  const other = await ask(2, command)
  asked.at(-1)?.end(done)
  assert.deepEqual(await other.answer, done)
  asked[1]?.end(done)
  await settle()
  const next = await ask(1, command)
  asked.at(-1)?.end(done)
  assert.deepEqual(await next.answer, done)
})

void test('who goes away is no longer asked for, and all together are bounded', async () => {
  const { asked, ask, made } = desk()
  const { socket } = await ask(1, command)
  socket.end()
  await settle()
  assert.equal(asked[0]?.gone.aborted, true)
  asked[0]?.end(done)
  await settle()
  // Each of a project of its own.
  for (let n = 1; n <= questions_max; n++) await ask(n * 256, command)
  assert.equal(asked.length, 1 + questions_max)
  assert.deepEqual(await (await ask(9, command)).answer, { outcome: 'failed', why: 'busy' })
  made.stop()
  await settle()
  assert(asked.every(one => one.gone.aborted))
})

void test('however many guests a project has, others find room; and it has half of all when nobody else asks', async () => {
  const { asked, ask } = desk()
  const busy = { outcome: 'failed', why: 'busy' }
  const underWay = (project: number) => asked.filter(one => one.id.startsWith(uuid(project * 256).slice(0, -2))).length
  for (let n = 0; n < questions_max; n++) await ask(n, command)
  assert.equal(underWay(0), questions_max / 2)
  assert.deepEqual(await (await ask(99, command)).answer, busy)
  for (const project of [1, 2, 3]) {
    for (let n = 0; n < questions_max; n++) await ask(project * 256 + n, command)
    assert.ok(underWay(project) > 0, `project ${project} finds none free`)
  }
  // What the greedy one gives back is for all.
  for (const one of asked.slice(0, questions_max / 2)) one.end(done)
  await settle()
  const before = underWay(3)
  await ask(3 * 256 + 60, command)
  assert.equal(underWay(3), before + 1)
})
