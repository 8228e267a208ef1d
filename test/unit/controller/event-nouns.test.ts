/** What is told of as an event can be asked for: the list of nouns has all that the controller names in one. */
import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { eventNouns } from '../../../src/model/event-nouns.ts'

const controller = path.join(import.meta.dirname, '../../../src/controller')

/** Said to be missing, or tested: of no event. */
const only_named = ['host-bmc']

test('every noun that the controller names is one that events can be asked for by', () => {
  const named = new Set<string>(only_named)
  for (const file of globSync('**/*.ts', { cwd: controller }))
    for (const [, noun = ''] of readFileSync(path.join(controller, file), 'utf8').matchAll(/noun: '([a-z-]+)'/g))
      named.add(noun)
  const known: readonly string[] = [...eventNouns, ...only_named]
  assert.ok(named.size > 20)
  assert.deepEqual(
    [...named].filter(noun => !known.includes(noun)),
    [],
  )
  assert.deepEqual([...eventNouns], [...eventNouns].sort())
})
