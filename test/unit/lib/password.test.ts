import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { checkPassword, hashPassword } from '../../../src/lib/password.ts'

test('a password is found right by its hash, and another one wrong', async () => {
  const kept = await hashPassword('correct horse é', randomBytes(16))
  assert.match(kept, /^\$argon2id\$v=19\$m=65536,t=3,p=4\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$/)
  assert.equal(await checkPassword('correct horse é', kept), true)
  // The same letters as another keyboard sends them: e and a combining accent.
  assert.equal(await checkPassword('correct horse e\u0301', kept), true)
  assert.equal(await checkPassword('Correct horse é', kept), false)
  assert.equal(await checkPassword('correct horse é', null), false)
})

test('a hash by the reference program (argon2 -id) is found right', async () => {
  // From the test program of the reference implementation: password "password", salt "somesalt".
  const kept = '$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc'
  assert.equal(await checkPassword('password', kept), true)
  assert.equal(await checkPassword('passwore', kept), false)
})

test('hashes that are none, or would use up the machine, are refused', async () => {
  for (const kept of [
    '',
    'plain',
    '$2b$12$abc',
    '$argon2id$v=19$m=99999999,t=3,p=4$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5Q',
  ]) {
    await assert.rejects(checkPassword('x', kept), /cannot|can check/)
  }
})
