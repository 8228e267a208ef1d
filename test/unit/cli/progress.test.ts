/** What people see of work as it goes. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { bar, clip, createProgress, duration } from '../../../src/cli/progress.ts'

function captured(columns?: number) {
  const written: string[] = []
  let now_ms = 0
  const progress = createProgress({ write: text => written.push(text), columns, now_ms: () => (now_ms += 700) })
  return { progress, text: () => written.join('') }
}

void test('without a terminal: a line a step, as it ends, and nothing in between', async () => {
  const { progress, text } = captured()
  await progress.step(
    'PostgreSQL',
    async show => {
      show('initdb', 10)
      return 'ready'
    },
    said => said,
  )
  progress.note('by the way')
  assert.equal(text(), '✓ PostgreSQL  ready, 0.7 s\nby the way\n')
})

void test('a step that fails is marked, and its error goes on', async () => {
  const { progress, text } = captured()
  await assert.rejects(
    progress.step('Controller', () => Promise.reject(new Error('no'))),
    /no/,
  )
  assert.equal(text(), '✗ Controller  0.7 s\n')
})

void test('on a terminal the line is rewritten in place, never wider than the terminal', async () => {
  const { progress, text } = captured(20)
  await progress.step('Image', async show => {
    show('downloading a package with a very long name')
    progress.note('a note')
  })
  const erase = '\r\u001B[K'
  const lines = text().replaceAll(erase, '\n').split('\n')
  for (const line of lines) assert(Array.from(line).length < 20, line)
  assert(text().endsWith(`${erase}✓ Image  0.7 s\n`))
  assert(text().includes(`${erase}a note\n`))
})

void test('durations, bars and clipping', () => {
  assert.deepEqual([90, 61_000].map(duration), ['0.1 s', '1 min 1 s'])
  assert.equal(bar(50), `${'█'.repeat(10)}${'░'.repeat(10)}  50 %`)
  assert.equal(bar(250), `${'█'.repeat(20)} 100 %`)
  assert.equal(clip('abcdef', 4), 'abc…')
  assert.equal(clip('abc', 3), 'abc')
})
