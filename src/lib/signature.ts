/**
 * Verifies detached signatures over content of any length as it streams by: RSA (PKCS#1 v1.5 and PSS, RFC 8017), ECDSA
 * in DER form (RFC 3279, section 2.2.3), and Ed25519 (RFC 8032) over the SHA-512 digest of the content, since Ed25519
 * itself would need all of it at once. What `openssl dgst -sign` and `openssl pkeyutl -sign -rawin` write is what is taken.
 * Not its job: which key is trusted.
 */
import { constants, createHash, createPublicKey, createVerify, type KeyObject, verify } from 'node:crypto'

const rsa_bits_min = 2048
/** Larger ones would only cost time. */
const rsa_bits_max = 16_384

/** Not a key, or none that is strong enough to be taken; the message says why, for people. */
export class KeyRefused extends Error {}

export interface PublicKey {
  readonly key: KeyObject
  readonly kind: 'rsa' | 'ecdsa-p256' | 'ecdsa-p384' | 'ed25519'
  /** SHA-256 of the DER form (SubjectPublicKeyInfo), hexadecimal. */
  readonly fingerprint: string
  /** In one form, whatever was around it. */
  readonly pem: string
}

/** Reads a PEM SubjectPublicKeyInfo, or one of its relatives that hold a public key and nothing else. Throws KeyRefused. */
export function readPublicKey(pem: string): PublicKey {
  if (pem.includes('PRIVATE KEY')) {
    throw new KeyRefused('This is a private key: keep it to yourself. The public one: openssl pkey -in KEY -pubout.')
  }
  if (!/^\s*-----BEGIN PUBLIC KEY-----/.test(pem)) {
    throw new KeyRefused(
      'This is no public key in PEM form (BEGIN PUBLIC KEY). Make one: openssl pkey -in KEY -pubout.',
    )
  }
  let key: KeyObject
  try {
    key = createPublicKey({ key: pem, format: 'pem', type: 'spki' })
  } catch (cause) {
    throw new KeyRefused('The public key cannot be read: it is damaged, or of a kind that is not known here.', {
      cause,
    })
  }
  const der = key.export({ type: 'spki', format: 'der' })
  const fingerprint = createHash('sha256').update(der).digest('hex')
  return { key, kind: kindOf(key), fingerprint, pem: key.export({ type: 'spki', format: 'pem' }) }
}

function kindOf(key: KeyObject): PublicKey['kind'] {
  const { modulusLength = 0, namedCurve } = key.asymmetricKeyDetails ?? {}
  switch (key.asymmetricKeyType) {
    case 'ed25519':
      return 'ed25519'
    case 'ec':
      if (namedCurve === 'prime256v1') return 'ecdsa-p256'
      if (namedCurve === 'secp384r1') return 'ecdsa-p384'
      throw new KeyRefused(`Keys on the curve ${namedCurve ?? 'given'} are not taken: use P-256, P-384 or Ed25519.`)
    case 'rsa':
      if (modulusLength >= rsa_bits_min && modulusLength <= rsa_bits_max) return 'rsa'
      throw new KeyRefused(`An RSA key has ${rsa_bits_min} to ${rsa_bits_max} bits; this one has ${modulusLength}.`)
    default:
      throw new KeyRefused(`Keys of the kind ${key.asymmetricKeyType} are not taken: use Ed25519, ECDSA or RSA.`)
  }
}

export interface Verifier {
  /** The content, piece by piece. */
  update(chunk: Uint8Array): void
  /** Once all of it was: whether the signature is by this key, over exactly this. */
  isGood(signature: Uint8Array): boolean
}

/** `algorithm`: 'rsa-sha256', 'rsa-pss-sha384', 'ecdsa-sha512', 'ed25519-sha512', … Throws when the key is of another kind. */
export function verifier({ key, kind }: PublicKey, algorithm: string): Verifier {
  const match = /^(rsa|rsa-pss|ecdsa|ed25519)-(sha(?:256|384|512))$/.exec(algorithm)
  const [, scheme = '', digest = ''] = match ?? []
  const family = scheme === 'rsa-pss' ? 'rsa' : scheme
  if (!match || kind.split('-')[0] !== family) throw new Error(`${algorithm} does not go with a key of kind ${kind}`)
  if (scheme === 'ed25519') {
    const hash = createHash(digest)
    return {
      update: chunk => void hash.update(chunk),
      isGood: signature => verify(null, hash.digest(), key, signature),
    }
  }
  const check = createVerify(digest)
  const pss = { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_AUTO }
  const how = scheme === 'rsa-pss' ? { key, ...pss } : { key, dsaEncoding: 'der' as const }
  return { update: chunk => void check.update(chunk), isGood: signature => check.verify(how, signature) }
}
