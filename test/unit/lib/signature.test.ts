import assert from 'node:assert/strict'
import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import { test } from 'node:test'
import { KeyRefused, readPublicKey, verifier } from '../../../src/lib/signature.ts'

const pem = (key: KeyObject) => key.export({ type: 'spki', format: 'pem' }).toString()

test('a key has one form and one fingerprint, whatever was around it', () => {
  const { publicKey } = generateKeyPairSync('ed25519')
  const plain = readPublicKey(pem(publicKey))
  const odd = readPublicKey(`\n${pem(publicKey).replaceAll('\n', '\r\n')}\r\n`)
  assert.equal(plain.kind, 'ed25519')
  assert.match(plain.fingerprint, /^[0-9a-f]{64}$/)
  assert.deepEqual([odd.fingerprint, odd.pem], [plain.fingerprint, plain.pem])
})

test('what is no key, or none that is strong enough, is refused with the reason', () => {
  const weak = generateKeyPairSync('rsa', { modulusLength: 1024 })
  const curve = generateKeyPairSync('ec', { namedCurve: 'secp256k1' })
  const other = generateKeyPairSync('x25519')
  const secret = generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
  for (const [given, says] of [
    [pem(weak.publicKey), /2048 to 16384 bits; this one has 1024/],
    [pem(curve.publicKey), /secp256k1 are not taken/],
    [pem(other.publicKey), /x25519 are not taken/],
    [secret, /private key/],
    ['ssh-ed25519 AAAA', /no public key in PEM/],
    ['-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n', /cannot be read/],
  ] as const) {
    assert.throws(
      () => readPublicKey(given),
      error => error instanceof KeyRefused && says.test(error.message),
      given,
    )
  }
})

test('content in pieces is what was signed whole; any other signature is not good, and no error', () => {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const key = readPublicKey(pem(publicKey))
  const content = Buffer.from('the content of an image')
  const good = sign('sha256', content, privateKey)
  const verify = (signature: Uint8Array, algorithm = 'ecdsa-sha256') => {
    const check = verifier(key, algorithm)
    for (const byte of content) check.update(Uint8Array.of(byte))
    return check.isGood(signature)
  }
  assert.equal(verify(good), true)
  assert.equal(verify(good, 'ecdsa-sha384'), false)
  for (const bad of [new Uint8Array(0), Buffer.from('AAAA'), good.subarray(1), Buffer.alloc(64)]) {
    assert.equal(verify(bad), false)
  }
  assert.throws(() => verifier(key, 'rsa-sha256'), /does not go with a key/)
})
