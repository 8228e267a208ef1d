/** SSH keys, judged by ssh-keygen where it is there, and by known keys. */
import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import fc from 'fast-check'
import { makeSshKeyPair, parseSshPublicKey, SshKeyRefused } from '../../../src/lib/ssh-key.ts'

let folder: string
before(async () => void (folder = await mkdtemp(join(tmpdir(), 'croft-ssh-'))))
after(() => rm(folder, { recursive: true }))

const hasKeygen = spawnSync('ssh-keygen', ['-?']).error === undefined
const skip = hasKeygen ? false : 'ssh-keygen is not installed (Debian: openssh-client)'

test('keys that ssh-keygen makes are taken, with the fingerprint that it shows', { skip }, async () => {
  const kinds = [
    ['ed25519', []],
    ['rsa', ['-b', '2048']],
    ['ecdsa', ['-b', '256']],
    ['ecdsa', ['-b', '384']],
    ['ecdsa', ['-b', '521']],
  ] as const
  for (const [type, more] of kinds) {
    const path = join(folder, `${type}${more[1] ?? ''}`)
    execFileSync('ssh-keygen', ['-q', '-t', type, ...more, '-N', '', '-C', 'some one@here', '-f', path])
    const text = await readFile(`${path}.pub`, 'utf8')
    const key = parseSshPublicKey(text)
    assert.equal(key.line, text.trim())
    assert.equal(key.comment, 'some one@here')
    const shown = execFileSync('ssh-keygen', ['-l', '-f', `${path}.pub`], { encoding: 'utf8' })
    assert.equal(key.fingerprint, shown.split(' ')[1])
  }
})

test('a pair made here is one that ssh-keygen reads', { skip }, async () => {
  const { public_key, private_key } = await makeSshKeyPair('my key')
  const path = join(folder, 'made')
  await writeFile(path, private_key, { mode: 0o600 })
  const derived = execFileSync('ssh-keygen', ['-y', '-f', path], { encoding: 'utf8' })
  assert.equal(derived.trim(), public_key.line)
  assert.match(public_key.line, /^ssh-ed25519 \S+ my key$/)
})

test('keys that are weak, old, private, cut off or not keys are refused with a reason', { skip }, async () => {
  const path = join(folder, 'weak')
  execFileSync('ssh-keygen', ['-q', '-t', 'rsa', '-b', '1024', '-N', '', '-f', path])
  const weak = await readFile(`${path}.pub`, 'utf8')
  const { public_key, private_key } = await makeSshKeyPair('x')
  const [type, base64 = ''] = public_key.line.split(' ')
  const longer = Buffer.concat([Buffer.from(base64, 'base64'), Buffer.from('x')]).toString('base64')
  const cases: [string, RegExp][] = [
    [weak, /at least 2048 bits, this one 1024/],
    [private_key, /private key/],
    ['ssh-dss AAAAB3NzaC1kc3M=', /kind of key/],
    [`no-pty ${public_key.line}`, /kind of key/],
    [`${type} ${base64.slice(0, 40)}`, /cut off/],
    [`${type} ${longer}`, /goes on/],
    [`ssh-rsa ${base64}`, /another kind/],
    [`${type} not-base64!`, /base64/],
    [`${public_key.line}\n${public_key.line}`, /one line/],
    [`${type} ${base64} ${'c'.repeat(300)}`, /comment/],
    ['', /kind of key/],
  ]
  for (const [text, why] of cases) {
    assert.throws(
      () => parseSshPublicKey(text),
      error => error instanceof SshKeyRefused && why.test(error.message),
      text.slice(0, 60),
    )
  }
})

test('a point that is not on its curve is refused', () => {
  const string = (bytes: Buffer) => Buffer.concat([Buffer.from([0, 0, 0, bytes.length]), bytes])
  const point = Buffer.concat([Buffer.of(4), Buffer.alloc(64, 7)])
  const blob = Buffer.concat([
    string(Buffer.from('ecdsa-sha2-nistp256')),
    string(Buffer.from('nistp256')),
    string(point),
  ])
  assert.throws(() => parseSshPublicKey(`ecdsa-sha2-nistp256 ${blob.toString('base64')}`), /not on nistp256/)
})

test('whatever comes, the answer is a key or a refusal', () => {
  const text = fc.oneof(
    fc.string(),
    fc.uint8Array({ maxLength: 200 }).map(bytes => `ssh-ed25519 ${Buffer.from(bytes).toString('base64')}`),
    fc.uint8Array({ maxLength: 200 }).map(bytes => {
      const head = Buffer.from('0000000b7373682d65643235353139', 'hex')
      return `ssh-ed25519 ${Buffer.concat([head, bytes]).toString('base64')}`
    }),
  )
  fc.assert(
    fc.property(text, line => {
      try {
        const key = parseSshPublicKey(line)
        assert.equal(parseSshPublicKey(key.line).fingerprint, key.fingerprint)
      } catch (error) {
        assert.ok(error instanceof SshKeyRefused, String(error))
      }
    }),
  )
})
