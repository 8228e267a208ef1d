/**
 * A small certificate authority (X.509 v3, RFC 5280): makes itself, certificates for servers, and certificates for
 * clients that ask with a PKCS #10 request (RFC 2986). ECDSA on P-256 throughout. Keeps nothing: who calls keeps the
 * authority's key, and decides who gets a certificate.
 */
// @peculiar/x509's dependencies want it loaded before them.
import 'reflect-metadata'
import { createHash, createPublicKey, type KeyObject, webcrypto, X509Certificate as NodeCertificate } from 'node:crypto'
import { isIP } from 'node:net'
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  type Extension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  PemConverter,
  Pkcs10CertificateRequest,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509Certificate,
  X509CertificateGenerator,
} from '@peculiar/x509'

/** PEM texts. The key is PKCS #8 and opens everything: keep it sealed. */
export interface Authority {
  readonly certificate_pem: string
  readonly key_pem: string
}

/** The request for a certificate is refused; the message says why. */
export class RequestRefused extends Error {}

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }
const day_ms = 86_400_000
/** Certificates count from a little before they are made, for clocks that are behind. */
const leeway_ms = 10 * 60_000
const request_length_max = 16_384

export interface Validity {
  now_ms: number
  days: number
}

function lifetime({ now_ms, days }: Validity, end_max?: Date): { notBefore: Date; notAfter: Date } {
  const end_ms = Math.min(now_ms + days * day_ms, end_max?.getTime() ?? Number.POSITIVE_INFINITY)
  // X.509 has no fractions of a second.
  return { notBefore: new Date(now_ms - leeway_ms), notAfter: new Date(Math.floor(end_ms / 1000) * 1000) }
}

/** 120 random bits, positive, as RFC 5280 section 4.1.2.2 asks. */
function serialNumber(): string {
  return `01${Buffer.from(webcrypto.getRandomValues(new Uint8Array(15))).toString('hex')}`
}

function newKeys(): Promise<webcrypto.CryptoKeyPair> {
  return webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])
}

async function exportKey(key: webcrypto.CryptoKey): Promise<string> {
  return `${PemConverter.encode(await webcrypto.subtle.exportKey('pkcs8', key), 'PRIVATE KEY')}\n`
}

function pemOf(certificate: X509Certificate): string {
  return `${certificate.toString('pem')}\n`
}

/** A new authority with a key of its own. `name` is its common name. */
export async function makeAuthority(name: string, validity: Validity): Promise<Authority> {
  const keys = await newKeys()
  const certificate = await X509CertificateGenerator.createSelfSigned({
    serialNumber: serialNumber(),
    name: [{ CN: [name] }],
    ...lifetime(validity),
    keys,
    signingAlgorithm: algorithm,
    extensions: [
      new BasicConstraintsExtension(true, 0, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
      await SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  })
  return { certificate_pem: pemOf(certificate), key_pem: await exportKey(keys.privateKey) }
}

interface Leaf {
  common_name: string
  public_key: webcrypto.CryptoKey
  validity: Validity
  extensions: Extension[]
}

interface Signer {
  issuer: X509Certificate
  key: webcrypto.CryptoKey
  identifier: AuthorityKeyIdentifierExtension
}

/** Reading key and certificate costs more than signing with them. */
const signers = new WeakMap<Authority, Promise<Signer>>()

function signerOf(authority: Authority): Promise<Signer> {
  const known = signers.get(authority)
  if (known) return known
  const opening = openSigner(authority)
  signers.set(authority, opening)
  return opening
}

async function openSigner({ certificate_pem, key_pem }: Authority): Promise<Signer> {
  const issuer = new X509Certificate(certificate_pem)
  const key = await webcrypto.subtle.importKey('pkcs8', PemConverter.decodeFirst(key_pem), algorithm, false, ['sign'])
  return { issuer, key, identifier: await AuthorityKeyIdentifierExtension.create(issuer) }
}

async function sign(authority: Authority, leaf: Leaf): Promise<string> {
  const { issuer, key, identifier } = await signerOf(authority)
  const certificate = await X509CertificateGenerator.create({
    serialNumber: serialNumber(),
    subject: [{ CN: [leaf.common_name] }],
    issuer: issuer.subjectName,
    ...lifetime(leaf.validity, issuer.notAfter),
    publicKey: leaf.public_key,
    signingKey: key,
    signingAlgorithm: algorithm,
    extensions: [
      new BasicConstraintsExtension(false, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
      await SubjectKeyIdentifierExtension.create(leaf.public_key),
      identifier,
      ...leaf.extensions,
    ],
  })
  return pemOf(certificate)
}

/** A server's new key and certificate, PEM. `names`: DNS names and IP addresses that clients may reach it by. */
export async function issueServerCertificate(
  authority: Authority,
  names: readonly string[],
  validity: Validity,
): Promise<{ key_pem: string; certificate_pem: string }> {
  const [first] = names
  if (first === undefined) throw new RangeError('a server certificate needs at least one name')
  const keys = await newKeys()
  const certificate_pem = await sign(authority, {
    // A common name has at most 64 characters; clients look at the alternative names only (RFC 9525).
    common_name: first.slice(0, 64),
    public_key: keys.publicKey,
    validity,
    extensions: [
      new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth]),
      new SubjectAlternativeNameExtension(
        names.map(name => (isIP(name) === 0 ? { type: 'dns', value: name } : { type: 'ip', value: name })),
      ),
    ],
  })
  return { key_pem: await exportKey(keys.privateKey), certificate_pem }
}

/**
 * A client certificate for the key in `request_pem`, under the name that we give it: whatever else the request asks for
 * is not granted. Throws RequestRefused when it is no request, its key is weak, or its signature is not by that key.
 */
export async function signClientRequest(
  authority: Authority,
  request_pem: string,
  common_name: string,
  validity: Validity,
): Promise<string> {
  const request = await proven(request_pem)
  const public_key = await request.publicKey.export()
  return sign(authority, {
    common_name,
    public_key,
    validity,
    extensions: [new ExtendedKeyUsageExtension([ExtendedKeyUsage.clientAuth])],
  })
}

/**
 * SHA-256 of the public key (SubjectPublicKeyInfo, DER) of whoever made the request: it proves to have the private one by
 * signing it. Throws RequestRefused as signClientRequest does.
 */
export async function keyOfRequest(request_pem: string): Promise<Buffer> {
  const request = await proven(request_pem)
  return createHash('sha256').update(Buffer.from(request.publicKey.rawData)).digest()
}

async function proven(request_pem: string): Promise<Pkcs10CertificateRequest> {
  const request = readRequest(request_pem)
  checkKey(request)
  if (await request.verify().catch((): false => false)) return request
  throw new RequestRefused('The certificate request is not signed by the key that is in it.')
}

function readRequest(pem: string): Pkcs10CertificateRequest {
  const blocks = pem.match(/-----BEGIN /g)?.length ?? 0
  if (pem.length > request_length_max || blocks !== 1 || !/-----BEGIN (NEW )?CERTIFICATE REQUEST-----/.test(pem)) {
    throw new RequestRefused('This is not one certificate request (PKCS #10) in PEM.')
  }
  try {
    return new Pkcs10CertificateRequest(pem)
  } catch (cause) {
    throw new RequestRefused('The certificate request cannot be read.', { cause })
  }
}

function checkKey(request: Pkcs10CertificateRequest): void {
  let key: KeyObject
  try {
    key = createPublicKey({ key: Buffer.from(request.publicKey.rawData), format: 'der', type: 'spki' })
  } catch (cause) {
    throw new RequestRefused('The key in the certificate request cannot be read.', { cause })
  }
  if (key.asymmetricKeyType !== 'ec' || key.asymmetricKeyDetails?.namedCurve !== 'prime256v1') {
    throw new RequestRefused('The key in the certificate request must be ECDSA on P-256.')
  }
}

/** SHA-256 of the certificate's DER. */
export function fingerprintOf(certificate_pem: string): Buffer {
  return createHash('sha256').update(new NodeCertificate(certificate_pem).raw).digest()
}
