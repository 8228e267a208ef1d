/**
 * Folders for what tests and benches have on disk. Whoever makes one removes it; what a killed run could not remove, the next one does: a
 * list of each process's folders is kept beside them.
 */
import { spawnSync } from 'node:child_process'
import { appendFileSync, lstatSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { identify, isAlive } from '../../src/lib/process.ts'

const lists = path.join(tmpdir(), 'croft-scratch')
/** What mkdtemp makes: nothing else is removed, whatever a list says. */
const form = /^[a-z0-9-]+-[A-Za-z0-9]{6}$/
let list: string | undefined

/** A fresh, empty folder of root's own; `name` begins its name. */
export async function scratch(name: string): Promise<string> {
  list ??= begin()
  const folder = await mkdtemp(path.join(tmpdir(), `${name}-`))
  appendFileSync(list, `${path.basename(folder)}\n`)
  return folder
}

function begin(): string {
  mkdirSync(lists, { recursive: true, mode: 0o700 })
  const { uid } = lstatSync(lists)
  if (uid !== process.getuid?.()) throw new Error(`${lists} is somebody else's: remove it`)
  for (const name of readdirSync(lists)) {
    const [pid, start_ticks] = name.split('-').map(Number)
    if (pid !== undefined && start_ticks !== undefined && !isAlive({ pid, start_ticks })) clear(path.join(lists, name))
  }
  const mine = path.join(lists, `${process.pid}-${identify(process.pid)?.start_ticks}`)
  process.once('exit', () => clear(mine))
  return mine
}

/** Two runs that begin at once may both be at it. */
function clear(of: string): void {
  let names: string[] = []
  try {
    names = readFileSync(of, 'utf8').split('\n')
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error
  }
  try {
    for (const name of names) {
      if (form.test(name)) remove(path.join(tmpdir(), name))
    }
    rmSync(of, { force: true })
  } catch (error) {
    // Something still writes there: the list stays, for the next run.
    console.error(`left in ${tmpdir()} for now: ${error instanceof Error ? error.message : String(error)}`)
  }
}

/** Also with something mounted in it, which a machine's root that was being installed leaves when its run is killed. */
function remove(folder: string): void {
  const mounted = mountsBelow(folder)
  // The last one first: it may be in another. A mount that is busy goes with its last user.
  if (mounted.length > 0) spawnSync('umount', ['--lazy', '--', ...mounted.reverse()], { stdio: 'ignore' })
  const [left] = mountsBelow(folder)
  // Its files may be anyone's.
  if (left !== undefined) throw new Error(`${left} is mounted: umount it`)
  rmSync(folder, { recursive: true, force: true, maxRetries: 3 })
}

/** proc_pid_mountinfo(5): the fifth field says where. */
function mountsBelow(folder: string): string[] {
  const lines = readFileSync('/proc/self/mountinfo', 'utf8').split('\n')
  return lines.map(line => line.split(' ')[4] ?? '').filter(at => at.startsWith(`${folder}/`))
}
