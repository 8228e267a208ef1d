/** The cloud's own certificate authority. Signatures as the lead uses them; the identity builder fills them in. */
import type { Cloud } from '../cloud.ts'

export interface SignedAgent {
  certificate_pem: string
  ca_pem: string
  /** SHA-256 of the certificate's DER: what the host is known by. */
  sha256: Uint8Array
}

/** Signs an agent's request; subject and use are Croft's, nothing of the request but its key is taken over. */
export async function signAgent(_cloud: Cloud, _csr_pem: string, _host_id: string): Promise<SignedAgent> {
  throw new Error('being written')
}

/** base64url of the SHA-256 of the CA certificate's DER. */
export async function caFingerprint(_cloud: Cloud): Promise<string> {
  throw new Error('being written')
}

/** Key and certificate for a server with these names (DNS names or IP addresses), and the CA's certificate; PEM. */
export async function serverCertificate(
  _cloud: Cloud,
  _names: string[],
): Promise<{ key: string; cert: string; ca: string }> {
  throw new Error('being written')
}
