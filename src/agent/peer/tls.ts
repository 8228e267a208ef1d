/**
 * TLS between agents. Both show the certificate that they have for their controllers, and each looks for itself whether the
 * other's is of the same authority and names exactly the host that it must be.
 */
import { X509Certificate } from 'node:crypto'
import type { TLSSocket } from 'node:tls'

export interface PeerTls {
  readonly key: string
  readonly cert: string
  readonly ca: string
}

/** TLS web client authentication (RFC 5280, 4.2.1.12): what hosts' certificates are good for, and controllers' are not. */
const clientPurpose = '1.3.6.1.5.5.7.3.2'

/** Options for either end; `nameOf` does the checking of the chain, see there. */
export function peerTlsOptions(tls: PeerTls) {
  return { ...tls, minVersion: 'TLSv1.3' as const, requestCert: true, rejectUnauthorized: false }
}

/**
 * The host that the other end's certificate names, or null when it shows none that counts. TLS has proved by then that
 * it has the key. OpenSSL's own check is not asked: to it, who is dialled must show a server's certificate, and a host has but
 * a client's.
 */
export function nameOf(socket: TLSSocket, ca_pem: string, now_ms: number): string | null {
  const shown = socket.getPeerX509Certificate()
  if (shown === undefined) return null
  const certificate = new X509Certificate(shown.raw)
  const authority = new X509Certificate(ca_pem)
  // The authority signs hosts' certificates itself: there is nothing in between.
  const signed = certificate.checkIssued(authority) && certificate.verify(authority.publicKey)
  const valid = Date.parse(certificate.validFrom) <= now_ms && now_ms <= Date.parse(certificate.validTo)
  const forHosts = certificate.keyUsage === undefined || certificate.keyUsage.includes(clientPurpose)
  if (!signed || !valid || certificate.ca || !forHosts) return null
  const names = certificate.subject.split('\n').filter(line => line.startsWith('CN='))
  return names.length === 1 ? (names[0]?.slice(3) ?? null) : null
}
