/**
 * A freshly installed Debian with systemd as its first process, in namespaces of its own; its processes killed is a power
 * cut. Packages and npm come through way-out.ts, everything else stays inside.
 * Not its job: hosts whose daemons the test starts itself (test/lab/bed).
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { chmod, copyFile, mkdir, open, readFile, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { aptSources } from '../../../src/images/apt.ts'
import { sourceLines } from '../../../src/images/debian-12.ts'
import { type RunOptions, type RunResult, run, runOk } from '../../../src/lib/process.ts'
import { WayOut } from './way-out.ts'
import { scratch } from '../../support/scratch.ts'

export const name = 'fresh'
const project = path.join(import.meta.dirname, '../../..')
const node = path.join(project, 'node_modules/.bin/node')
/** What the smallest installation has, and what a person needs to get as far as Croft's first line. */
const packages = ['systemd', 'systemd-sysv', 'dbus', 'iproute2', 'ca-certificates', 'git']
const proxy = 'http://127.0.0.1:3128'
const certificates = '/etc/ssl/certs/ca-certificates.crt'

/** Why this machine cannot hold another one; undefined if it can. */
export async function unable(): Promise<string | undefined> {
  if (process.geteuid?.() !== 0) return 'only root can make machines of namespaces'
  for (const program of ['mmdebstrap', 'npm'])
    if ((await run(['which', program])).code !== 0) return `${program} is not installed`
  return (await cgroupMount()) === undefined ? 'no cgroup2 is mounted here' : undefined
}

async function cgroupMount(): Promise<string | undefined> {
  return /^\S+ \S+ \S+ \S+ (\S+) .* - cgroup2 /m.exec(await readFile('/proc/self/mountinfo', 'utf8'))?.[1]
}

export class Machine implements AsyncDisposable {
  readonly #folder: string
  readonly #way_out: WayOut
  readonly #cgroup: string
  #children: ChildProcess[] = []
  #pid: number | undefined

  private constructor(folder: string, way_out: WayOut, cgroup: string) {
    this.#folder = folder
    this.#way_out = way_out
    this.#cgroup = cgroup
  }

  /** Installed, with the last commit of this checkout in /srv/croft.git, and not switched on yet. */
  static async install(): Promise<Machine> {
    const folder = await scratch('croft-machine')
    // mmdebstrap's apt works as another user, who must get to the folder.
    await chmod(folder, 0o755)
    const sources = sourceLines(await aptSources({ work_dir: folder }))
    const way_out = await WayOut.open(path.join(folder, 'way-out'), sources)
    const machine = new Machine(folder, way_out, path.join((await cgroupMount()) ?? '', path.basename(folder)))
    await mkdir(machine.#cgroup)
    try {
      await machine.#install(sources)
      return machine
    } catch (error) {
      await machine[Symbol.asyncDispose]()
      throw error
    }
  }

  async #install(sources: readonly string[]): Promise<void> {
    const include = `--include=${packages.join(',')}`
    await runOk(['mmdebstrap', '--mode=root', '--variant=minbase', include, 'bookworm', this.#at(''), ...sources])
    await copyFile(certificates, this.#at(certificates))
    await writeFile(this.#at('/etc/apt/apt.conf.d/90proxy'), `Acquire::http::Proxy "${proxy}";\n`)
    await writeFile(this.#at('/root/.npmrc'), `proxy=${proxy}\nhttps-proxy=${proxy}\ncafile=${certificates}\n`)
    await writeFile(this.#at('/etc/hostname'), `${name}\n`)
    await writeFile(this.#at('/etc/hosts'), `127.0.0.1 localhost\n127.0.1.1 ${name}\n`)
    await writeFile(this.#at('/etc/resolv.conf'), '')
    await writeFile(this.#at('/etc/machine-id'), '')
    await runOk(['git', 'clone', '--quiet', '--bare', project, this.#at('/srv/croft.git')])
  }

  #at(file: string): string {
    return path.join(this.#folder, 'root', file)
  }

  /** Resolves when systemd has started all that it starts at a boot. */
  async switchOn(): Promise<void> {
    const boot = path.join(import.meta.dirname, 'boot.sh')
    const spaces = ['--mount', '--pid', '--net', '--uts', '--ipc', '--cgroup', '--fork', '--kill-child']
    const script = 'echo $$ > "$0/cgroup.procs"; exec unshare "$@"'
    const argv = ['-c', script, this.#cgroup, ...spaces, 'sh', boot, this.#at(''), name]
    const console = await open(path.join(this.#folder, 'console.log'), 'a')
    const outer = spawn('sh', argv, { stdio: ['ignore', console.fd, console.fd] })
    await console.close()
    this.#children.push(outer)
    // A boot says nowhere outside that it has begun, so this one looks.
    const within = AbortSignal.timeout(60_000)
    while (!(await this.#isBooting(outer))) {
      if (outer.exitCode !== null || within.aborted)
        throw new Error(`no boot: ${await readFile(path.join(this.#folder, 'console.log'), 'utf8')}`)
      await delay(100)
    }
    await this.exec(['systemctl', 'is-system-running', '--wait'])
    const relay = [node, path.join(import.meta.dirname, 'relay.ts'), '3128', path.join(this.#folder, 'way-out')]
    const inside = spawn('nsenter', [`--net=/proc/${this.#pid}/ns/net`, ...relay], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    this.#children.push(inside)
    await once(inside.stdout, 'data')
  }

  async #isBooting({ pid }: ChildProcess): Promise<boolean> {
    const children = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8').catch(() => '')
    this.#pid = Number(children.trim()) || undefined
    if (this.#pid === undefined) return false
    return existsSync(`/proc/${this.#pid}/root/run/systemd/private`)
  }

  /** As root in the machine, with what a login would set. */
  exec(argv: readonly string[], options: RunOptions = {}): Promise<RunResult> {
    const spaces = ['-m', '-p', '-n', '-u', '-i', '-C', '-r', '-w']
    const env = ['env', '-i', 'HOME=/root', 'LANG=C.UTF-8', 'PATH=/usr/sbin:/usr/bin:/sbin:/bin']
    return run(['nsenter', '-t', String(this.#pid), ...spaces, ...env, ...argv], options)
  }

  /** Everything that ran there is gone at once. */
  async cutPower(): Promise<void> {
    if (this.#pid !== undefined) process.kill(this.#pid, 'SIGKILL')
    this.#pid = undefined
    const children = this.#children.splice(0)
    for (const child of children) {
      const ended = child.exitCode === null && child.signalCode === null ? once(child, 'exit') : undefined
      if (child !== children[0]) child.kill('SIGKILL')
      await ended
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.cutPower()
    await this.#way_out[Symbol.asyncDispose]()
    // Groups that systemd made go from the innermost on.
    await runOk(['find', this.#cgroup, '-depth', '-type', 'd', '-exec', 'rmdir', '{}', ';'])
    await rm(this.#folder, { recursive: true, force: true })
  }
}
