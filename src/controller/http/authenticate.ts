/** Who sends this request, by the bearer token or API key in its Authorization header (RFC 6750). */
import { createHash } from 'node:crypto'
import type { Permission } from '../../model/permissions.ts'
import { authenticate as callerOf } from '../app/authenticate.ts'
import type { Caller, RequestFacts } from '../app/caller.ts'
import type { Cloud } from '../cloud.ts'

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
    on_instances: new Map(),
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
  const why = header === undefined ? 'No token was sent' : 'The token is not valid, or has expired'
  const presented =
    secret === undefined
      ? null
      : { sha256: credentialHash({ headers: { authorization: header } }), is_key: secret.startsWith('croft_k_') }
  return callerOf(cloud, presented, request, why)
}
