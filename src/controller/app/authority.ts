/**
 * The cloud's own certificate authority, one for all controllers of a database: made when first needed, its key kept
 * sealed. It signs the servers that agents and users dial, and the agents.
 */
import {
  type Authority,
  fingerprintOf,
  issueServerCertificate,
  makeAuthority,
  RequestRefused,
  signClientRequest,
} from '../../lib/ca/ca.ts'
import { CloudError } from '../../model/errors.ts'
import type { Cloud } from '../cloud.ts'
import { secret } from '../store/secret.ts'

type Parts = Pick<Cloud, 'database' | 'sealer' | 'clock'>

const secretName = 'certificate-authority'
const authority_days = 3653
const server_days = 825

const opened = new WeakMap<Parts['database'], Promise<Authority>>()

/**
 * Throws the sealer's error when the kept key was sealed with another key file: the text says what to do. Read once per
 * process and database; a failure is not remembered.
 */
function authorityOf(cloud: Parts): Promise<Authority> {
  const known = opened.get(cloud.database)
  if (known) return known
  const opening = openOrMake(cloud)
  opened.set(cloud.database, opening)
  opening.catch(() => opened.delete(cloud.database))
  return opening
}

async function openOrMake(cloud: Parts): Promise<Authority> {
  const { database, sealer, clock } = cloud
  let sealed = await secret.find(database.db, secretName)
  if (!sealed) {
    const made = await makeAuthority('Croft', { now_ms: clock.now_ms(), days: authority_days })
    // Controllers that start at once each make one; the first to be kept is everyone's.
    sealed = await secret.keepFirst(database.db, secretName, sealer.seal(secretName, Buffer.from(JSON.stringify(made))))
  }
  return JSON.parse(Buffer.from(sealer.unseal(secretName, sealed)).toString()) as Authority
}

export interface SignedAgent {
  certificate_pem: string
  ca_pem: string
  /** SHA-256 of the certificate's DER: what the host is known by. */
  sha256: Uint8Array
}

/**
 * Signs an agent's request; subject and use are Croft's, nothing of the request but its key is taken over. The
 * certificate lasts as long as the authority: the database says which one a host's current one is.
 */
export async function signAgent(cloud: Parts, csr_pem: string, host_id: string): Promise<SignedAgent> {
  const authority = await authorityOf(cloud)
  const validity = { now_ms: cloud.clock.now_ms(), days: authority_days }
  try {
    const certificate_pem = await signClientRequest(authority, csr_pem, host_id, validity)
    return { certificate_pem, ca_pem: authority.certificate_pem, sha256: fingerprintOf(certificate_pem) }
  } catch (cause) {
    if (cause instanceof RequestRefused) throw new CloudError('invalid', cause.message, {}, { cause })
    throw cause
  }
}

/** The CA's certificate, PEM. */
export async function authorityCertificate(cloud: Parts): Promise<string> {
  return (await authorityOf(cloud)).certificate_pem
}

/** base64url of the SHA-256 of the CA certificate's DER. */
export async function caFingerprint(cloud: Parts): Promise<string> {
  const { certificate_pem } = await authorityOf(cloud)
  return fingerprintOf(certificate_pem).toString('base64url')
}

/**
 * A new key and certificate for a server with these names (DNS names or IP addresses), good for 825 days, and the CA's
 * certificate; PEM. `cert` is the chain, so that a joining agent sees the CA whose fingerprint its token names.
 */
export async function serverCertificate(
  cloud: Parts,
  names: readonly string[],
): Promise<{ key: string; cert: string; ca: string }> {
  const authority = await authorityOf(cloud)
  const validity = { now_ms: cloud.clock.now_ms(), days: server_days }
  const { key_pem, certificate_pem } = await issueServerCertificate(authority, names, validity)
  const ca = authority.certificate_pem
  return { key: key_pem, cert: `${certificate_pem}${ca}`, ca }
}
