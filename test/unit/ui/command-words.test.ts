/** A command as it is typed in the page, taken apart as a POSIX shell would, and no further. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { wordsOf } from '../../../src/ui/instance/command-words.ts'

void test('words, quotes and backslashes', () => {
  const cases: [string, string[]][] = [
    ['', []],
    ['  df   -h / ', ['df', '-h', '/']],
    [`sh -c 'df -h | tail -1'`, ['sh', '-c', 'df -h | tail -1']],
    [`echo "a 'b' \\"c\\" \\n" ''`, ['echo', `a 'b' "c" \\n`, '']],
    [`a\\ b 'c'd"e"`, ['a b', 'cde']],
    ['echo $HOME; * `x`', ['echo', '$HOME;', '*', '`x`']],
    ['echo "open end', ['echo', 'open end']],
    ['ends \\', ['ends', '\\']],
  ]
  for (const [text, words] of cases) assert.deepEqual(wordsOf(text), words, text)
})

void test('any words come back from their quoted form', () => {
  const quoted = (word: string) => `'${word.replaceAll("'", String.raw`'\''`)}'`
  fc.assert(
    fc.property(fc.array(fc.string()), words => {
      assert.deepEqual(wordsOf(words.map(quoted).join(' ')), words)
    }),
  )
})
