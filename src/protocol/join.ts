/**
 * How a host joins: one HTTPS request, before it has a certificate. The token carries the fingerprint of the
 * controller's certificate authority, so the agent can tell the right controller from another one without prior trust.
 */
import Type, { type Static } from 'typebox'

export const joinPath = '/agent/v1/join'
export const linkPath = '/agent/v1/link'
export const imagePath = '/agent/v1/images/'

/** https://10.0.0.1:7071, where a controller is, → wss://10.0.0.1:7071/agent/v1/link, which its agents dial. */
export function linkUrlOf(agent_url: string): string {
  return new URL(linkPath, agent_url.replace(/^http/, 'ws')).href
}

export const JoinRequest = Type.Object({
  token: Type.String({ maxLength: 512 }),
  /** PKCS #10, PEM. The name in it is not used: the controller names the host. */
  csr_pem: Type.String({ maxLength: 16_384 }),
  facts_summary: Type.Object({
    hostname: Type.String({ minLength: 1, maxLength: 128, pattern: '^[A-Za-z0-9][A-Za-z0-9.-]*$' }),
    machine_id: Type.String({ minLength: 8, maxLength: 64, pattern: '^[A-Za-z0-9-]+$' }),
  }),
})
export type JoinRequest = Static<typeof JoinRequest>

export const JoinReply = Type.Object({
  host_id: Type.String(),
  certificate_pem: Type.String(),
  /** The certificate authority that signed both the agent's and the controllers' certificates. */
  ca_pem: Type.String(),
  /** wss:// addresses of all controllers. */
  link_urls: Type.Array(Type.String(), { minItems: 1 }),
})
export type JoinReply = Static<typeof JoinReply>

const tokenForm = /^croft1\.([A-Za-z0-9_-]{43})\.([A-Za-z0-9_-]{16,200})$/

export interface JoinToken {
  /** SHA-256 of the certificate authority's certificate (DER). */
  readonly ca_sha256: Buffer
  readonly secret: string
}

/** Form: `croft1.<base64url sha256>.<secret>`. Null when the text is not a token. */
export function parseJoinToken(text: string): JoinToken | null {
  const [, fingerprint, secret] = tokenForm.exec(text.trim()) ?? []
  if (fingerprint === undefined || secret === undefined) return null
  return { ca_sha256: Buffer.from(fingerprint, 'base64url'), secret }
}

export function formJoinToken(ca_sha256: Uint8Array, secret: string): string {
  return `croft1.${Buffer.from(ca_sha256).toString('base64url')}.${secret}`
}
