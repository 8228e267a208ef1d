/**
 * The data directory of an embedded PostgreSQL ("cluster" in its manual): made once, whole or not at all, checked
 * before each start.
 * Not its job: the running server (../postgres.ts).
 */
import { randomBytes } from 'node:crypto'
import { chmod, chown, mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { HostError } from '../error.ts'
import { isErrno, lastLines, run } from '../../lib/process.ts'
import { type PostgresBinaries, postgres_env } from './binaries.ts'

export const superuser = 'croft'
/** Lies inside the data directory, so that it appears and moves with it; only its owner may read it. */
const password_file = 'croft.password'

export async function readIfThere(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8')
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined
    throw error
  }
}

/**
 * Makes the data directory if there is none, and gives the password of its only user. initdb runs in a folder beside
 * it that is renamed when whole: killed at any moment, it leaves nothing half-made under the real name.
 * Throws HostError if the directory belongs to another major version or holds something else.
 */
export async function prepareCluster(binaries: PostgresBinaries, data_dir: string): Promise<string> {
  const version = (await readIfThere(path.join(data_dir, 'PG_VERSION')))?.trim()
  if (version === undefined) await makeCluster(binaries, data_dir)
  else if (version !== binaries.major)
    throw new HostError(
      `${data_dir} was written by PostgreSQL ${version}, and this Croft brings PostgreSQL ${binaries.major}`,
      `Bring it over with pg_upgrade, or run the Croft that wrote it; nothing was changed.`,
    )
  return await readPassword(data_dir)
}

/** The password of the data directory's only user. Throws HostError if Croft did not make the directory. */
export async function readPassword(data_dir: string): Promise<string> {
  const password = await readIfThere(path.join(data_dir, password_file))
  if (password !== undefined) return password.trim()
  throw new HostError(
    `${data_dir} was not made by Croft: it has no ${password_file}`,
    'Give the address of your PostgreSQL instead: croft up --database postgresql://…',
  )
}

async function makeCluster(binaries: PostgresBinaries, data_dir: string): Promise<void> {
  const parent = path.dirname(data_dir)
  const name = path.basename(data_dir)
  await mkdir(parent, { recursive: true })
  const there = await readdir(data_dir).catch((error: unknown) => {
    if (isErrno(error, 'ENOENT')) return []
    throw error
  })
  if (there.length > 0)
    throw new HostError(
      `${data_dir} is not empty and is not a PostgreSQL data directory (it holds ${there.slice(0, 3).join(', ')})`,
      'Move it away, or choose another state folder: croft up --state DIR',
    )
  for (const left of await readdir(parent))
    if (left.startsWith(`${name}.new-`)) await rm(path.join(parent, left), { recursive: true, force: true })

  const { uid, gid } = binaries.owner
  const fresh = path.join(parent, `${name}.new-${process.pid}`)
  await mkdir(fresh, { mode: 0o700 })
  await chown(fresh, uid, gid)
  const password_path = path.join(parent, `${name}.new-${process.pid}-password`)
  await writeFile(password_path, `${randomBytes(24).toString('base64url')}\n`, { mode: 0o600 })
  await chown(password_path, uid, gid)
  // The built-in locale provider sorts alike on every machine and in every release of the C library.
  const locale = ['--encoding=UTF8', '--locale-provider=builtin', '--builtin-locale=C.UTF-8', '--locale=C']
  const access = ['--username', superuser, '--pwfile', password_path, '--auth=scram-sha-256']
  const initdb = [binaries.initdb, '--pgdata', fresh, '--data-checksums', '--text-search-config=simple']
  const argv = [...binaries.prefix, ...initdb, ...access, ...locale]
  try {
    const made = await run(argv, { env: postgres_env, timeout_ms: 120_000 })
    if (made.code !== 0) throw initdbError(data_dir, made.stderr)
    await rename(password_path, path.join(fresh, password_file))
    await chmod(fresh, 0o700)
    await rename(fresh, data_dir)
  } catch (error) {
    await rm(fresh, { recursive: true, force: true })
    await rm(password_path, { force: true })
    throw error
  }
}

function initdbError(data_dir: string, stderr: string): HostError {
  const mend = stderr.includes('No space left on device')
    ? `Free some space on the file system of ${data_dir} (60 MiB are needed to begin with) and try again.`
    : undefined
  return new HostError(`the database in ${data_dir} could not be made: ${lastLines(stderr, 4)}`, mend)
}
