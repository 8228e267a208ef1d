/**
 * Which controller, as whom: what was said, else the environment, else what `croft sign-in` kept, else, for root on a
 * controller's own machine, the key that `croft up` made.
 */
import { existsSync } from 'node:fs'
import path from 'node:path'
import type { Session, SignedIn } from '../api/session.ts'
import type { Route } from '../api/route.ts'
import type { ClientEnvironment } from '../client-environment.ts'
import { ConnectionFailed } from '../sdk/errors.ts'
import { type Client, createClient } from '../sdk/node-client.ts'
import type { Globals } from './context.ts'
import type { Nouns } from './contract.ts'
import { asSentence, CommandFailed, noteKeptPlace } from './failure.ts'
import { readGiven } from './files.ts'
import { type KeptSession, readSession, sessionFile, writeSession } from './session-file.ts'

export const default_url = 'http://127.0.0.1:7070'

/** What is known of the way to a controller, and by what right. */
interface Place {
  url: string
  token: string | undefined
  ca_pem: string | undefined
  /** The sign-in that this comes from. */
  kept?: KeptSession
}

type Asked = Pick<Globals, 'url' | 'token' | 'project' | 'ca'>

/** A client without a credential is fine for signing in only. */
export async function placeOf(env: ClientEnvironment, asked: Asked): Promise<Place> {
  const url = asked.url ?? env.url
  const token = asked.token ?? env.token
  const ca_file = asked.ca ?? env.ca_file
  const given_ca = ca_file === undefined ? undefined : (await readGiven(ca_file, 'certificates')).toString()
  const kept = await readSession(env)
  noteKeptPlace(kept && url === undefined ? { url: kept.url, file: sessionFile(env) } : undefined)
  const same = kept && (url === undefined || sameUrl(url, kept.url))
  if (token !== undefined)
    return { url: url ?? kept?.url ?? default_url, token, ca_pem: given_ca ?? (same ? kept.ca_pem : undefined) }
  if (same) return { url: kept.url, token: kept.token, ca_pem: given_ca ?? kept.ca_pem, kept }
  const local = url === undefined ? await localRoot() : undefined
  return local ?? { url: url ?? default_url, token: undefined, ca_pem: given_ca }
}

function sameUrl(one: string, other: string): boolean {
  return one.replace(/\/+$/, '') === other.replace(/\/+$/, '')
}

/** Root of a machine that may have a controller. */
function isLocalRoot(): boolean {
  return process.geteuid?.() === 0 && (existsSync('/var/lib/croft') || existsSync('/etc/croft/croft.conf'))
}

/** The private key that `croft up` made for this machine's root, if this is root and it is there. */
export async function rootKey(): Promise<string | undefined> {
  if (!isLocalRoot()) return undefined
  const { loadConfig } = await import('../config.ts')
  const file = path.join(loadConfig().state_dir, 'ssh', 'id_ed25519')
  return existsSync(file) ? file : undefined
}

/** Root on the machine of a controller is its administrator. */
async function localRoot(): Promise<Place | undefined> {
  // Loads what reads the machine's configuration only where there is any: on a client's machine it is not needed.
  if (!isLocalRoot()) return undefined
  const { loadConfig } = await import('../config.ts')
  const { localAdmin } = await import('../host/local-admin.ts')
  const config = loadConfig()
  if (!existsSync(config.state_dir)) return undefined
  try {
    const { place } = await localAdmin(config)
    return { url: place.url, token: place.token, ca_pem: place.ca_pem }
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    throw new CommandFailed('unreachable', asSentence(why), 'Start it: croft start', { cause: error })
  }
}

/** Throws CommandFailed 'not_signed_in' where there is no credential. */
export async function connect(env: ClientEnvironment, asked: Asked, nouns: Nouns): Promise<Client> {
  const place = await placeOf(env, asked)
  const expired = place.kept && Date.parse(place.kept.expires_at) <= Date.now()
  if (place.token === undefined || expired) {
    if (asked.url ?? env.url) await mustAnswer(place)
    throw new CommandFailed(
      'not_signed_in',
      expired ? 'Your sign-in has expired.' : 'You are not signed in.',
      `croft sign-in --url ${place.url}   (a program sets CROFT_URL and CROFT_TOKEN)`,
    )
  }
  const client = createClient(place)
  const project = asked.project ?? env.project
  if (project === undefined || isProject(place.kept?.project, project)) return client
  return createClient({ ...place, token: await tokenFor(env, place, client, project, nouns) })
}

/** To sign in helps only where there is a controller, so that a place that was named is tried first. Throws ConnectionFailed. */
async function mustAnswer(place: Place): Promise<void> {
  const signal = AbortSignal.timeout(answer_within_ms)
  try {
    // Any answer will do, also a refusal.
    await createClient(place).raw('/v1/session', { method: 'GET', headers: { accept: 'application/json' }, signal })
  } catch (error) {
    // One that is only slow is asked to sign in at, as before.
    if (error instanceof ConnectionFailed) throw error
  }
}

const answer_within_ms = 3000

function isProject(known: { id: string; name: string } | null | undefined, asked: string): boolean {
  return known?.name === asked || known?.id === asked
}

/** A token for another project; of a sign-in it is kept, so that it is asked for once. */
async function tokenFor(
  env: ClientEnvironment,
  place: Place,
  client: Client,
  project: string,
  nouns: Nouns,
): Promise<string | undefined> {
  const known = place.kept?.projects?.[project]
  if (known && Date.parse(known.expires_at) > Date.now()) return known.token
  const ask = async (verb: 'get' | 'project', body?: unknown) =>
    (await client.askLoosely(nouns.session?.[verb] as unknown as Route, { body })).body
  if (!place.kept) {
    const session = (await ask('get')) as Session
    if (isProject(session.project, project)) return place.token
  }
  const { token, expires_at } = (await ask('project', { project })) as SignedIn
  if (place.kept) {
    const projects = { ...place.kept.projects, [project]: { token, expires_at } }
    await writeSession(env, { ...place.kept, projects })
  }
  return token
}
