/** What answers are shown as. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { clientEnvironment } from '../../../src/client-environment.ts'
import { commandShape } from '../../../src/cli/command-shape.ts'
import type { Context } from '../../../src/cli/context.ts'
import { buildNouns } from '../../../src/cli/contract.ts'
import { standardOutput } from '../../../src/cli/output.ts'
import { showAnswer, showList } from '../../../src/cli/show.ts'

const nouns = await buildNouns()

function shown(
  noun: string,
  verb: string,
  show: (context: Context, shape: ReturnType<typeof commandShape>) => void,
  quiet = false,
) {
  const route = nouns[noun]?.[verb]
  assert(route)
  const modes = { json: false, quiet, color: false }
  let text = ''
  const out = {
    ...standardOutput({ ...modes, ci: true }),
    width: undefined,
    print: (more: string) => void (text += more),
  }
  const client = () => Promise.reject(new Error('nobody is asked'))
  show({ env: clientEnvironment({}), globals: modes, nouns, out, client }, commandShape(route, nouns))
  return text
}

test('the history of a setting has columns of its own, and not those of the list of settings', () => {
  const change = {
    scope: 'cluster',
    scope_name: 'lab',
    before: null,
    after: 60,
    user: 'admin',
    at: '2026-01-01T00:00:00Z',
  }
  const text = shown('setting', 'history', (context, shape) => showList(context, shape, [change]))
  assert.match(text, /USER +SCOPE +SCOPE NAME +BEFORE +AFTER/)
  assert.match(text, /admin +cluster +lab +- +60/)
})

test('the values of a setting say where they are', () => {
  const value = { scope: 'cluster', scope_name: 'lab', value: 60, updated_at: '2026-01-01T00:00:00Z' }
  const text = shown('setting', 'values', (context, shape) => showAnswer(context, shape, { items: [value] }, {}))
  assert.match(text, /cluster +lab +60/)
})

test('an answer of several things shows the one that the command is of', () => {
  const body = {
    migration: { id: 'm' },
    instance: { id: 'i', name: 'web', state: 'migrating' },
    operation: { id: 'o' },
  }
  const text = shown('instance', 'migrate', (context, shape) => showAnswer(context, shape, body, {}))
  assert.deepEqual(text.trim().split('\n').length, 2, text)
  assert.match(text, /web +migrating/)
})

test('several things of one kind are all shown', () => {
  const items = ['a', 'b'].map(name => ({ id: name, name, state: 'running' }))
  const text = shown('instance', 'create', (context, shape) =>
    showAnswer(context, shape, { items, operation: { id: 'o' } }, {}),
  )
  assert.match(text, /a +running[^]*b +running/)
})

test('quietly what was set and has no id is not repeated; what is read is', () => {
  const setting = { name: 'metrics.interval_s', value: 30 }
  const of = (verb: string) => shown('setting', verb, (context, shape) => showAnswer(context, shape, setting, {}), true)
  assert.equal(of('set'), '')
  assert.match(of('get'), /value +30/)
})

test('a column of ids tells names where there are any, and the id of what has none', () => {
  const id = '01900000-0000-7000-8000-000000000000'
  const row = { kind: 'host.maintenance', state: 'running', percent: 0, resource_id: id }
  const text = shown('operation', 'list', (context, shape) =>
    showList(context, shape, [
      { ...row, resource_name: 'h1' },
      { ...row, resource_name: null },
    ]),
  )
  assert.match(text, /^KIND +STATE +PERCENT +RESOURCE +REASON/)
  assert.match(text, /host\.maintenance +running +0 +h1 /)
  assert.match(text, new RegExp(`running +0 +${id} `))
  // A controller of the version before.
  assert.match(
    shown('operation', 'list', (context, shape) => showList(context, shape, [row])),
    /PERCENT +RESOURCE ID/,
  )
})
