/** From a credential to who holds it and what they may do. How a request carries one is http/'s to know. */
import { CloudError } from '../../model/errors.ts'
import type { Cloud } from '../cloud.ts'
import { credential } from '../store/credential.ts'
import type { Caller, RequestFacts } from './caller.ts'
import { findHolder } from './holders.ts'

export interface Credential {
  readonly sha256: Buffer
  /** An API key, whose last use is noted; else a token of a sign-in. */
  readonly is_key: boolean
}

/** `presented`: null when the request carries none that could be one. Throws not_signed_in, without saying more than `why`. */
export async function authenticate(
  cloud: Cloud,
  presented: Credential | null,
  request: RequestFacts,
  why: string,
): Promise<Caller> {
  const found = presented && (await findHolder(cloud, presented.sha256))
  if (!found || !presented)
    throw new CloudError('not_signed_in', `${why}. Sign in: croft sign-in, or POST /v1/sign-in.`)
  if (presented.is_key) await noteUse(cloud, presented.sha256)
  return { ...found, request, credential_sha256: presented.sha256 }
}

const noted_max = 10_000
const note_every_ms = 60_000
const notedOf = new WeakMap<Cloud, Map<string, number>>()

/** An API key's last use is written about once a minute by each controller; most requests write nothing. */
async function noteUse(cloud: Cloud, sha256: Buffer): Promise<void> {
  const notedAt = notedOf.get(cloud) ?? new Map<string, number>()
  notedOf.set(cloud, notedAt)
  const key = sha256.toString('base64')
  const steady_ms = cloud.clock.steady_ms()
  if (steady_ms - (notedAt.get(key) ?? Number.NEGATIVE_INFINITY) < note_every_ms) return
  if (notedAt.size >= noted_max) notedAt.clear()
  notedAt.set(key, steady_ms)
  await credential.touch(cloud.database.db, sha256)
}
