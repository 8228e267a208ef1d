/**
 * Signatures over images: which algorithms go with which kind of key, the usual one first. How each is made of a file
 * stands in docs/images.md; how it is verified, in lib/signature.ts.
 */
export const signatureAlgorithms = [
  'rsa-sha256',
  'rsa-sha384',
  'rsa-sha512',
  'rsa-pss-sha256',
  'rsa-pss-sha384',
  'rsa-pss-sha512',
  'ecdsa-sha256',
  'ecdsa-sha384',
  'ecdsa-sha512',
  'ed25519-sha512',
] as const
export type SignatureAlgorithm = (typeof signatureAlgorithms)[number]

export const keyKinds = ['rsa', 'ecdsa-p256', 'ecdsa-p384', 'ed25519'] as const
export type KeyKind = (typeof keyKinds)[number]

export const algorithmsOf = {
  rsa: ['rsa-sha256', 'rsa-sha384', 'rsa-sha512', 'rsa-pss-sha256', 'rsa-pss-sha384', 'rsa-pss-sha512'],
  'ecdsa-p256': ['ecdsa-sha256', 'ecdsa-sha384', 'ecdsa-sha512'],
  'ecdsa-p384': ['ecdsa-sha384', 'ecdsa-sha256', 'ecdsa-sha512'],
  ed25519: ['ed25519-sha512'],
} as const satisfies Record<KeyKind, readonly [SignatureAlgorithm, ...SignatureAlgorithm[]]>
