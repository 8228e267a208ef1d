/** Small readers of text in the store: migration scripts and event cursors. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import fc from 'fast-check'
import { parseCursor } from '../../../src/controller/store/event.ts'
import { splitScript } from '../../../src/controller/store/migrate.ts'

test('a script is split at the semicolons that end its statements', () => {
  const script = `-- a table; with a comment
create table a (
  id int -- not this; one
);

create function f() returns int language sql as $$
  select 1;
  select 2;
$$;
insert into a values (1);
`
  const statements = splitScript(script)
  assert.equal(statements.length, 3)
  assert.match(statements[0] ?? '', /^create table a \(\n {2}id int\n\)$/)
  assert.match(statements[1] ?? '', /select 1;\n {2}select 2;\n\$\$$/)
  assert.equal(statements[2], 'insert into a values (1)')
})

test('any statements joined are split into the same again', () => {
  const word = fc.stringMatching(/^[a-z]{1,8}$/)
  const plain = fc.array(word, { minLength: 1, maxLength: 5 }).map(words => words.join('\n  '))
  const body = fc.array(word, { minLength: 1, maxLength: 4 }).map(words => `do $$\n${words.join(';\n')};\n$$`)
  fc.assert(
    fc.property(fc.array(fc.oneof(plain, body), { maxLength: 6 }), statements => {
      assert.deepEqual(splitScript(statements.map(one => `${one};\n`).join('\n-- between;\n')), statements)
    }),
  )
})

test('a script cut short is refused, not run in part', () => {
  assert.throws(
    () => splitScript('create table a ();\ncreate table b ('),
    /does not end with a semicolon: create table b/,
  )
  assert.throws(() => splitScript('create function f() as $$ select 1;\n'), /does not end/)
})

test('the first migration is all statements of SQL', () => {
  const script = readFileSync(new URL('../../../src/controller/migrations/0001-first.sql', import.meta.url), 'utf8')
  const statements = splitScript(script)
  assert.ok(statements.length > 60, String(statements.length))
  for (const statement of statements) assert.match(statement, /^(create|insert|alter|comment)\b/)
})

test('a cursor is a transaction and a number in it, and nothing else', () => {
  const xid = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n })
  const seq = fc.integer({ min: 0, max: 10 ** 14 })
  fc.assert(
    fc.property(xid, seq, (transaction, number) => {
      const cursor = `${transaction}.${number}`
      assert.deepEqual(parseCursor(cursor), { xid: String(transaction), seq: number })
    }),
  )
  for (const text of ['', '.', '1', '1.', '.1', '1.2.3', '-1.2', '1.-2', ' 1.2', '1.2\n', '0x1.2', "1'.2", '1e3.2']) {
    assert.equal(parseCursor(text), null, JSON.stringify(text))
  }
  fc.assert(
    fc.property(fc.string(), text => {
      const parsed = parseCursor(text)
      if (parsed) assert.match(text, /^\d+\.\d+$/)
    }),
  )
})
