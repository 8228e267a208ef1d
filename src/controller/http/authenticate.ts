/** Who sends this request: a bearer token or API key, looked up by its hash, with what its owner may do. */
import { createHash } from 'node:crypto'
import { CloudError } from '../../model/errors.ts'
import type { Permission } from '../../model/permissions.ts'
import type { Caller, RequestFacts } from '../app/caller.ts'
import type { Cloud } from '../cloud.ts'
import { credential } from '../store/credential.ts'

const noPermission: ReadonlySet<Permission> = new Set()

/** The caller of a public route: nobody, who may do nothing beyond it. */
export function nobody(request: RequestFacts): Caller {
  return {
    user_id: '00000000-0000-0000-0000-000000000000',
    user_name: 'nobody',
    user_domain_id: '00000000-0000-0000-0000-000000000000',
    project_id: null,
    project_domain_id: null,
    on_system: noPermission,
    on_domains: new Map(),
    on_project: noPermission,
    request,
  }
}

function secretOf(header: string | undefined): string | undefined {
  return /^Bearer ([\x21-\x7e]{16,512})$/i.exec(header ?? '')?.[1]
}

/** SHA-256 of the credential that a request came with, as the database keeps it. */
export function credentialHash(request: { headers: { authorization?: string | undefined } }): Buffer {
  return createHash('sha256')
    .update(secretOf(request.headers.authorization) ?? '')
    .digest()
}

/** Throws not_signed_in for a missing, unknown, expired or disabled credential, without saying which. */
export async function authenticate(cloud: Cloud, header: string | undefined, request: RequestFacts): Promise<Caller> {
  const secret = secretOf(header)
  const sha256 = credentialHash({ headers: { authorization: header } })
  const found = secret ? await credential.find(cloud.database.db, sha256) : null
  if (!found) {
    const why = header === undefined ? 'No token was sent' : 'The token is not valid, or has expired'
    throw new CloudError('not_signed_in', `${why}. Sign in: croft sign-in, or POST /v1/sign-in.`)
  }
  if (secret?.startsWith('croft_k_')) await noteUse(cloud, sha256)
  return { ...found, request }
}

const noted_max = 10_000
const note_every_ms = 60_000
const notedOf = new WeakMap<Cloud, Map<string, number>>()

/** An API key's last use is written about once a minute by each controller; most requests write nothing. */
async function noteUse(cloud: Cloud, sha256: Buffer): Promise<void> {
  const notedAt = notedOf.get(cloud) ?? new Map<string, number>()
  notedOf.set(cloud, notedAt)
  const key = sha256.toString('base64')
  const now_ms = cloud.clock.now_ms()
  if (now_ms - (notedAt.get(key) ?? -note_every_ms) < note_every_ms) return
  if (notedAt.size >= noted_max) notedAt.clear()
  notedAt.set(key, now_ms)
  await credential.touch(cloud.database.db, sha256)
}
