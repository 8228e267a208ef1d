/** What a setting is for is said in every language of the UI: the controller's own words are English. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { settingTable } from '../../../src/controller/app/setting-values.ts'
import { german } from '../../../src/ui/setting/text.ts'
import { readTyped, typedOf } from '../../../src/ui/setting/typed.ts'

test('each setting, and no other, is explained in German', () => {
  assert.deepEqual(Object.keys(german).toSorted(), Object.keys(settingTable).toSorted())
  for (const [name, summary] of Object.entries(german)) {
    assert.notEqual(summary, settingTable[name as keyof typeof settingTable].summary, name)
  }
})

test('what a setting’s text must look like, a browser understands, too', () => {
  // As the attribute `pattern` is read (HTML, 4.10.5.3.6), more strictly than by JSON Schema.
  for (const { schema } of Object.values(settingTable)) {
    const { pattern, items } = schema as { pattern?: string; items?: { pattern?: string } }
    for (const one of [pattern, items?.pattern]) if (one !== undefined) assert.ok(new RegExp(`^(?:${one})$`, 'v'))
  }
})

test('what is typed is read as what the setting takes', () => {
  assert.deepEqual(readTyped('array', 'a.js, b.js c.js'), ['a.js', 'b.js', 'c.js'])
  assert.deepEqual(readTyped('array', '  '), [])
  assert.equal(readTyped('integer', '7'), 7)
  assert.equal(readTyped('string', 'host-model'), 'host-model')
  for (const value of [['a.js', 'b.js'], [], 5, 'host-model']) {
    const type = Array.isArray(value) ? 'array' : typeof value
    assert.deepEqual(readTyped(type, typedOf(value)), value)
  }
})
