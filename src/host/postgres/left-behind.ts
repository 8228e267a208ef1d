/**
 * What a server that was killed leaves in the way of the next one on the same data directory: its locks, and its processes.
 * Not its job: the data directory itself (cluster.ts).
 */
import { readdir, readFile, readlink, realpath, rm } from 'node:fs/promises'
import net from 'node:net'
import path from 'node:path'
import { HostError } from '../error.ts'
import { identify, isErrno, type ProcessId, signalProcess, waitGone } from '../../lib/process.ts'
import { readIfThere } from './cluster.ts'

/** As long as a server gives its own processes in an immediate shutdown (PostgreSQL manual, 18.5). */
const patience_ms = 5_000

/**
 * Clears the way for a server. Throws HostError if one does run on this data directory or on this socket; nothing was
 * changed then.
 */
export async function clearLeftBehind(data_dir: string, socket_dir: string, port: number): Promise<void> {
  const socket = path.join(socket_dir, `.s.PGSQL.${port}`)
  if (await somebodyListens(socket))
    throw new HostError(`a PostgreSQL server runs already: it answers on ${socket}`, 'Stop it first: croft down')
  const stale = await staleLocks([path.join(data_dir, 'postmaster.pid'), `${socket}.lock`])
  await endOrphans(data_dir)
  // Last, so that a start that is cut short here finds all of it again.
  for (const lock of stale) await rm(lock, { force: true })
}

/**
 * PostgreSQL takes a lock for live when any process has the number in it that it may signal. Ours runs as root's
 * files' owner, so that would be any process of root, and numbers come back at once in a fresh pid namespace or after a
 * boot. So look who it really is.
 */
async function staleLocks(locks: readonly string[]): Promise<string[]> {
  const stale: string[] = []
  for (const lock of locks) {
    const text = await readIfThere(lock)
    if (text === undefined) continue
    const [number, owner_dir = ''] = text.split('\n')
    const pid = Number(number)
    if (Number.isInteger(pid) && pid > 0 && (await worksIn(pid, await whereReally(owner_dir))))
      throw new HostError(`PostgreSQL runs already on ${owner_dir} as process ${pid}`, 'Stop it first: croft down')
    stale.push(lock)
  }
  return stale
}

/**
 * Sessions end by themselves when their server is gone, but only once they wait for something: a long query holds the
 * shared memory until its end, and as long as anybody has it no server starts on these data (PostgreSQL manual, 18.5).
 * Nobody would hear its answer any more, and what it wrote is not committed.
 */
async function endOrphans(data_dir: string): Promise<void> {
  const orphans = await orphansOf(await whereReally(data_dir))
  // As the server itself would in an immediate shutdown: each ends without touching what is shared.
  for (const orphan of orphans) signalProcess(orphan, 'SIGQUIT')
  const deadline = performance.now() + patience_ms
  for (const orphan of orphans) {
    if (await waitGone(orphan, Math.max(0, deadline - performance.now()))) continue
    signalProcess(orphan, 'SIGKILL')
    if (await waitGone(orphan, patience_ms)) continue
    throw new HostError(
      `process ${orphan.pid} of a PostgreSQL that was killed still holds ${data_dir}, and cannot be ended`,
      'The kernel keeps it, mostly for a disk that does not answer: see to the disk, or start the machine anew.',
    )
  }
}

/** The sessions and helpers of a server that is gone; none while one runs there, whose lock somebody took away: it refuses a second. */
async function orphansOf(data_dir: string): Promise<ProcessId[]> {
  const orphans: ProcessId[] = []
  for (const name of await readdir('/proc')) {
    const pid = Number(name)
    if (!Number.isInteger(pid) || !(await worksIn(pid, data_dir))) continue
    const title = await commandLine(pid)
    const found = identify(pid)
    if (!found) continue
    // A server's children name themselves so ("postgres: checkpointer"); the server keeps its command line.
    if (!title.startsWith('postgres: ')) return []
    orphans.push(found)
  }
  return orphans
}

/** Is this a PostgreSQL at work in this data directory? All of a server's processes have it as their working folder. */
async function worksIn(pid: number, data_dir: string): Promise<boolean> {
  try {
    const [exe, cwd] = await Promise.all([readlink(`/proc/${pid}/exe`), readlink(`/proc/${pid}/cwd`)])
    return path.basename(exe).startsWith('postgres') && cwd === data_dir
  } catch (error) {
    if (isErrno(error, 'ENOENT') || isErrno(error, 'ESRCH') || isErrno(error, 'EACCES')) return false
    throw error
  }
}

/** The kernel says where a process really is; a lock says what its server was told, which may go through a link. */
async function whereReally(folder: string): Promise<string> {
  return await realpath(folder).catch((error: unknown) => {
    if (isErrno(error, 'ENOENT')) return folder
    throw error
  })
}

async function commandLine(pid: number): Promise<string> {
  return await readFile(`/proc/${pid}/cmdline`, 'utf8').catch((error: unknown) => {
    if (isErrno(error, 'ENOENT') || isErrno(error, 'ESRCH')) return ''
    throw error
  })
}

function somebodyListens(socket: string): Promise<boolean> {
  return new Promise(resolve => {
    const connection = net.connect(socket)
    connection.on('connect', () => {
      connection.destroy()
      resolve(true)
    })
    connection.on('error', () => resolve(false))
  })
}
