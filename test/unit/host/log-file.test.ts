/** Log files that their writers keep open while they are turned over. */
import assert from 'node:assert/strict'
import { closeSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, test } from 'node:test'
import { openLog, plainLog, readTail, rotate } from '../../../src/host/log-file.ts'

const folder = mkdtempSync(path.join(tmpdir(), 'croft-log-'))
after(() => rmSync(folder, { recursive: true }))

void test('a writer goes on in the emptied file, and four old generations are kept', () => {
  const file = path.join(folder, 'a.log')
  const writer = openLog(file)
  for (let n = 1; n <= 6; n++) {
    writeSync(writer, `${n}`.repeat(20))
    assert.equal(rotate(file, 10), true)
    assert.equal(rotate(file, 10), false, 'it is small again')
  }
  writeSync(writer, 'now')
  closeSync(writer)
  assert.equal(readFileSync(file, 'utf8'), 'now')
  assert.deepEqual(
    [1, 2, 3, 4].map(n => readFileSync(`${file}.${n}`, 'utf8')[0]),
    ['6', '5', '4', '3'],
  )
  assert.equal(existsSync(`${file}.5`), false)
})

void test('where the old log cannot be kept (a full disk), it goes, and does not grow', () => {
  const file = path.join(folder, 'full.log')
  const writer = openLog(file)
  writeSync(writer, 'x'.repeat(20))
  symlinkSync('/dev/full', `${file}.1`)
  assert.equal(rotate(file, 10), true)
  assert.equal(statSync(file).size, 0)
  assert.equal(existsSync(`${file}.1`), false)
  closeSync(writer)
})

void test('the tail is what was written since, also after the file was turned over', () => {
  const file = path.join(folder, 'b.log')
  const writer = openLog(file)
  writeSync(writer, 'old news\n')
  writeSync(writer, 'fresh news\n')
  assert.equal(readTail(file, 9), 'fresh news\n')
  assert.equal(readTail(file, 0, 5), 'ews\n'.padStart(5, 'n'))
  assert.equal(readTail(file, 9000), 'old news\nfresh news\n')
  assert.equal(readTail(path.join(folder, 'none')), '')
  closeSync(writer)
})

void test('lines of JSON are told by their message and its cause', () => {
  const lines = [
    'plain',
    '{"level":60,"err":{"message":"newer"},"msg":"no start"}',
    '{"msg":"a: b","err":{"message":"b"}}',
  ]
  assert.equal(plainLog([...lines, '{broken', '{"x":1}'].join('\n')), 'plain\nno start: newer\na: b\n{broken\n{"x":1}')
})
