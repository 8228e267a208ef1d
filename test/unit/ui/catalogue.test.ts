/** Words: every language has every message, with the same values in it; the formatter does plurals. */
import assert from 'node:assert/strict'
import { globSync } from 'node:fs'
import path from 'node:path'
import { suite, test } from 'node:test'
import { catalogue, format, type Words } from '../../../src/ui/text/catalogue.ts'

const ui = path.join(import.meta.dirname, '../../../src/ui')

/** The names that a message takes. */
function namesIn(message: string): string[] {
  return [...new Set([...message.matchAll(/\{(\w+)\s*[,}]/g)].map(match => match[1] ?? ''))].sort()
}

suite('words of the web UI', () => {
  test('every catalogue has the same keys and values in every language', async () => {
    const files = globSync('{*/text.ts,text/shared.ts}', { cwd: ui })
    assert.ok(files.length >= 4, `only ${files.length} catalogues`)
    for (const file of files) {
      const { words } = (await import(path.join(ui, file))) as { words: Words<string> }
      const { en, de } = words.messages
      assert.deepEqual(Object.keys(de).sort(), Object.keys(en).sort(), file)
      for (const [key, message] of Object.entries(en)) {
        assert.notEqual(message.trim(), '', `${file}: ${key}`)
        assert.deepEqual(namesIn(de[key] ?? ''), namesIn(message), `${file}: ${key}`)
        // Throws for braces that do not match.
        for (const one of [message, de[key] ?? '']) format(one, { n: 2 })
      }
    }
  })

  test('names, plurals and numbers', () => {
    assert.equal(format('{a} and {b}', { a: 'x', b: 'y' }), 'x and y')
    const message = '{n, plural, =0 {none} one {# host} other {# hosts of {zone}}}'
    assert.equal(format(message, { n: 0, zone: 'z' }), 'none')
    assert.equal(format(message, { n: 1, zone: 'z' }), '1 host')
    assert.equal(format(message, { n: 1200, zone: 'z' }), '1,200 hosts of z')
    assert.throws(() => format('{n', { n: 1 }), /brace/)
    assert.equal(catalogue({ en: { a: 'A' }, de: { a: 'Ä' } }).maybe('b'), null)
  })
})
