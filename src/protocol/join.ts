/**
 * How a host joins and leaves: HTTPS requests, beside its link. A token carries the fingerprint of the controller's certificate
 * authority, so the agent can tell the right controller from another one without prior trust. Without one it registers and
 * waits for an operator, who tells it from others by the code of its key. Who joins again shows its old certificate, if it
 * still has it, in the TLS handshake.
 */
import Type, { type Static } from 'typebox'
import { HardwareId } from './hardware-id.ts'

export const joinPath = '/agent/v1/join'
export const registerPath = '/agent/v1/register'
export const leavePath = '/agent/v1/leave'
export const linkPath = '/agent/v1/link'
export const imagePath = '/agent/v1/images/'

/** https://10.0.0.1:7071, where a controller is, → wss://10.0.0.1:7071/agent/v1/link, which its agents dial. */
export function linkUrlOf(agent_url: string): string {
  return new URL(linkPath, agent_url.replace(/^http/, 'ws')).href
}

/** PKCS #10, PEM. The name in it is not used: the controller names the host. */
const Csr = Type.String({ maxLength: 16_384 })

const FactsSummary = Type.Object({
  hostname: Type.String({ minLength: 1, maxLength: 128, pattern: '^[A-Za-z0-9][A-Za-z0-9.-]*$' }),
  machine_id: Type.String({ minLength: 8, maxLength: 64, pattern: '^[A-Za-z0-9-]+$' }),
  /** Absent where it says nothing, and from older agents. */
  hardware: Type.Optional(HardwareId),
})

/** What a machine says of itself before anybody trusts it: for an operator's eyes alone, so it is short and has no control characters. */
const Said = Type.String({ maxLength: 200, pattern: '^[^\\u0000-\\u001f\\u007f-\\u009f]*$' })
const Count = Type.Integer({ minimum: 0, maximum: 2 ** 32 })

export const FoundSummary = Type.Object({
  os: Type.Optional(Said),
  kernel: Type.Optional(Said),
  arch: Type.Optional(Said),
  cpu_model: Type.Optional(Said),
  agent_version: Type.Optional(Said),
  cpus: Type.Optional(Count),
  memory_mib: Type.Optional(Count),
})
export type FoundSummary = Static<typeof FoundSummary>

export const JoinRequest = Type.Object({
  token: Type.String({ maxLength: 512 }),
  csr_pem: Csr,
  facts_summary: FactsSummary,
  found: Type.Optional(FoundSummary),
  /** The agent knows how to wait where an operator has to say yes; see RegisterReply. */
  waits: Type.Optional(Type.Boolean()),
})
export type JoinRequest = Static<typeof JoinRequest>

/** Asked for the first time, or again for what has come of it: the key says which machine asks. */
export const RegisterRequest = Type.Object({
  csr_pem: Csr,
  facts_summary: FactsSummary,
  found: Type.Optional(FoundSummary),
  /** How long the controller may hold the answer back until there is news. */
  wait_s: Type.Optional(Type.Integer({ minimum: 0, maximum: 60 })),
})
export type RegisterRequest = Static<typeof RegisterRequest>

/** Not yet: an operator has to say yes. With status 202. */
export const RegisterReply = Type.Object({
  state: Type.Literal('pending'),
  registration_id: Type.String({ maxLength: 64 }),
  /** Why it is not let in at once, for people. */
  why: Type.String({ maxLength: 2000 }),
})
export type RegisterReply = Static<typeof RegisterReply>

export const JoinReply = Type.Object({
  host_id: Type.String(),
  /** What the cloud calls the host; absent from older controllers. */
  name: Type.Optional(Type.String({ maxLength: 255 })),
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

/** Crockford's base 32: no letters that are taken for digits. */
const codeLetters = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'

/**
 * The code that people compare, at both ends, to know that a registration is that machine's: 80 bits of the SHA-256 of the
 * key, which nobody finds another key for. `ABCD-EFGH-JKMN-PQRS`.
 */
export function keyCode(key_sha256: Uint8Array): string {
  let bits = 0n
  for (const byte of key_sha256.subarray(0, 10)) bits = (bits << 8n) | BigInt(byte)
  const letters = Array.from({ length: 16 }, (_, n) => codeLetters[Number((bits >> BigInt(75 - 5 * n)) & 31n)])
  return [0, 4, 8, 12].map(at => letters.slice(at, at + 4).join('')).join('-')
}
