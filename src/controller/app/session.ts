/** Tokens: what a user carries after signing in. Only their SHA-256 is kept. */
import { createHash } from 'node:crypto'
import type { Session, SignedIn } from '../../api/session.ts'
import { CloudError } from '../../model/errors.ts'
import type { Cloud } from '../cloud.ts'
import { credential } from '../store/credential.ts'
import type { Db, Tx } from '../store/database.ts'
import { type ProjectName, session } from '../store/session.ts'
import type { Caller } from './caller.ts'
import { change, withoutKey } from './change.ts'
import { changeIdentity } from './holders.ts'

export interface ChosenProject {
  project: ProjectName
  permissions: SignedIn['permissions']
}

interface Person {
  id: string
  name: string
  domain_id: string
}

const secret_bytes = 32

/** A new secret: a token ('t') or an API key ('k'), and what is kept of it. */
export function newSecret(cloud: Pick<Cloud, 'random'>, kind: 't' | 'k'): { secret: string; sha256: Buffer } {
  const secret = `croft_${kind}_${Buffer.from(cloud.random.bytes(secret_bytes)).toString('base64url')}`
  return { secret, sha256: createHash('sha256').update(secret).digest() }
}

/**
 * The project asked for by name or id, or the user's default, or the first with a grant. Null when none was asked for
 * and there is none. Throws not_found when the one asked for does not exist or the user holds nothing in it.
 */
export async function chooseProject(db: Db, user: Person, asked: string | undefined): Promise<ChosenProject | null> {
  const projects = await (asked === undefined
    ? session.projectsOf(db, user.id)
    : session.projectsNamed(db, user.domain_id, asked))
  for (const project of projects) {
    const holder = await credential.ofUser(db, user.id, project.id)
    if (holder && (holder.on_project.size > 0 || holder.on_instances.size > 0))
      return { project, permissions: [...holder.on_project] }
  }
  if (asked === undefined) return null
  throw new CloudError('not_found', `There is no project '${asked}' that you hold a role in. Ask for a role in it.`, {
    noun: 'project',
    id: asked,
  })
}

/** Makes a token; `like_sha256` is the token whose lifetime it takes over, otherwise it lives as the setting says. */
export async function issueToken(
  cloud: Cloud,
  tx: Tx,
  user: Person,
  chosen: ChosenProject | null,
  like_sha256?: Uint8Array,
): Promise<SignedIn> {
  const { secret, sha256 } = newSecret(cloud, 't')
  const token = { secret_sha256: sha256, user_id: user.id, project_id: chosen?.project.id ?? null }
  const expires_at = like_sha256
    ? await session.insertLike(tx, token, like_sha256)
    : await session.insert(tx, token, cloud.settings.get('token.lifetime_minutes'))
  if (!expires_at) throw noToken('exchanged')
  const holder = chosen ? null : await credential.ofUser(tx, user.id, null)
  return {
    token: secret,
    expires_at: expires_at.toISOString(),
    user: { id: user.id, name: user.name, domain_id: user.domain_id },
    project: chosen?.project ?? null,
    permissions: chosen?.permissions ?? [...(holder?.on_project ?? [])],
  }
}

function noToken(done: string): CloudError {
  return new CloudError(
    'wrong_state',
    `You use an API key, which cannot be ${done}: only a token from a sign-in can. A key is removed with croft api-key delete.`,
  )
}

/** The caller as the one who signs in. */
export function personOf(caller: Caller): Person {
  return { id: caller.user_id, name: caller.user_name, domain_id: caller.user_domain_id }
}

/** The answer holds a secret, so it is never kept for an Idempotency-Key: asking twice makes two tokens. */
export async function exchangeSession(
  cloud: Cloud,
  caller: Caller,
  own_sha256: Uint8Array,
  project: string,
): Promise<SignedIn> {
  const chosen = await chooseProject(cloud.database.db, personOf(caller), project)
  return change(cloud, withoutKey(caller), tx => issueToken(cloud, tx, personOf(caller), chosen, own_sha256))
}

export function deleteSession(cloud: Cloud, caller: Caller, own_sha256: Uint8Array): Promise<null> {
  return changeIdentity(cloud, caller, async tx => {
    if (!(await session.remove(tx, own_sha256))) throw noToken('signed out')
    return null
  })
}

export async function getSession(cloud: Cloud, caller: Caller, own_sha256: Uint8Array): Promise<Session> {
  const { user_id, project_id, project_domain_id } = caller
  const found = await session.details(cloud.database.db, own_sha256, user_id, project_id)
  return {
    user: personOf(caller),
    project:
      project_id !== null && project_domain_id !== null && found.project_name !== null
        ? { id: project_id, name: found.project_name, domain_id: project_domain_id }
        : null,
    expires_at: found.expires_at?.toISOString() ?? null,
    roles: found.roles,
    permissions: {
      system: [...caller.on_system],
      domains: [...caller.on_domains].map(([domain_id, held]) => ({ domain_id, permissions: [...held] })),
      project: [...caller.on_project],
      instances: [...caller.on_instances].map(([instance_id, held]) => ({ instance_id, permissions: [...held] })),
    },
  }
}
