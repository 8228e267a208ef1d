/** Where `croft sign-in` keeps what the next command needs: a file that only its owner can read. */
import { chmod, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import type { ClientEnvironment } from '../client-environment.ts'
import { CommandFailed } from './failure.ts'

export interface KeptSession {
  url: string
  token: string
  expires_at: string
  user: string
  project: { id: string; name: string } | null
  /** Trusted for https. */
  ca_pem?: string
  /** Tokens for other projects that were asked for with --project, by the name or id that was given. */
  projects?: Record<string, { token: string; expires_at: string }>
}

type Home = Pick<ClientEnvironment, 'home' | 'config_home'>

export function sessionFile({ home, config_home }: Home): string {
  if (config_home) return path.join(config_home, 'croft', 'session.json')
  if (home) return path.join(home, '.config', 'croft', 'session.json')
  throw new CommandFailed(
    'failed',
    'There is no home directory to keep the sign-in in.',
    'Set HOME or XDG_CONFIG_HOME.',
  )
}

/** Undefined when nobody is signed in. Throws CommandFailed for a file that is not a session. */
export async function readSession(home: Home): Promise<KeptSession | undefined> {
  if (!home.config_home && !home.home) return undefined
  const file = sessionFile(home)
  let text: string
  try {
    text = await readFile(file, 'utf8')
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
    throw new CommandFailed('failed', `The sign-in kept in ${file} cannot be read: ${String(error)}.`, undefined, {
      cause: error,
    })
  }
  try {
    const kept = JSON.parse(text) as KeptSession
    if (typeof kept.url === 'string' && typeof kept.token === 'string') return kept
  } catch {
    // Told below, like a file of another shape.
  }
  throw new CommandFailed('failed', `${file} is not a sign-in as Croft keeps it.`, 'Remove it, then: croft sign-in')
}

/** Whole or not at all, and never readable to others, not even for a moment. */
export async function writeSession(home: Home, session: KeptSession): Promise<void> {
  const file = sessionFile(home)
  await mkdir(path.dirname(file), { recursive: true, mode: 0o700 })
  const own = `${file}.${process.pid}`
  await writeFile(own, `${JSON.stringify(session, null, 2)}\n`, { mode: 0o600 })
  await chmod(own, 0o600)
  await rename(own, file)
}

export async function removeSession(home: Home): Promise<void> {
  await rm(sessionFile(home), { force: true })
}
