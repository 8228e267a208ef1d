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

/** Throws not_signed_in for a missing, unknown, expired or disabled credential, without saying which. */
export async function authenticate(cloud: Cloud, header: string | undefined, request: RequestFacts): Promise<Caller> {
  const secret = /^Bearer ([\x21-\x7e]{16,512})$/.exec(header ?? '')?.[1]
  const found = secret ? await credential.find(cloud.database.db, createHash('sha256').update(secret).digest()) : null
  if (!found) {
    const why = header === undefined ? 'No token was sent' : 'The token is not valid, or has expired'
    throw new CloudError('not_signed_in', `${why}. Sign in: croft sign-in, or POST /v1/sign-in.`)
  }
  return { ...found, request }
}
