/**
 * A private libvirtd and virtlogd for tests, in namespaces of their own: other libvirts on the machine are neither seen nor
 * touched. The socket is reachable from outside. Everything ends with stop(), or with the process that started it.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { promisify } from 'node:util'
import { lock_manager, lockdConf } from '../../../src/host/services/virtlockd.ts'
import { scratch } from '../../support/scratch.ts'

const run = promisify(execFile)

export interface DaemonOptions {
  /** Lines added to libvirtd.conf. */
  config?: readonly string[]
  /** Where libvirt keeps what it found out about QEMU; sharing it between daemons saves a second each. */
  cache_dir?: string
  /** What the host is called inside. */
  hostname?: string
  /** Disks are locked by virtlockd, its files below this folder. */
  locked_pool?: string
  /** QEMU runs as libvirt-qemu, and libvirt gives it its files, as on a Debian host; otherwise as root. */
  plain_user?: boolean
}

export class Daemon {
  /** Its folder, which holds log/, etc/, lib/, run/ and dumps/. */
  readonly dir: string
  /** The socket to connect to. */
  readonly path: string
  /** /proc as it is inside, with the process numbers that libvirtd and QEMU have there. */
  readonly proc: string
  readonly #init: ChildProcess
  readonly #init_pid: number

  private constructor(dir: string, init: ChildProcess, init_pid: number) {
    this.dir = dir
    this.path = join(dir, 'run', 'libvirt-sock')
    this.proc = `/proc/${init_pid}/root/proc`
    this.#init = init
    this.#init_pid = init_pid
  }

  static async start(options: DaemonOptions = {}): Promise<Daemon> {
    const dir = await scratch('croft-libvirt')
    for (const name of ['run', 'dev', 'etc', 'lib', 'log', 'cache', 'dumps']) await mkdir(join(dir, name))
    const { cache_dir = join(dir, 'cache'), hostname = 'libvirt-test' } = options
    await writeConfiguration(dir, options)
    const script = join(import.meta.dirname, 'daemon-init.sh')
    const namespaces = ['--net', '--mount', '--pid', '--ipc', '--uts', '--fork', '--mount-proc', '--kill-child']
    const init = spawn('unshare', [...namespaces, 'sh', script, dir, cache_dir, hostname], {
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    const [line] = await Promise.race([once(createInterface(init.stdout), 'line'), once(init, 'exit')])
    if (line !== 'ready') throw new Error(`the namespaces for libvirtd could not be made (exit ${String(line)})`)
    const children = await readFile(`/proc/${init.pid}/task/${init.pid}/children`, 'utf8')
    const daemon = new Daemon(dir, init, Number(children.trim()))
    try {
      await daemon.exec('virtlogd', ['--daemon'])
      if (options.locked_pool !== undefined) await daemon.exec('virtlockd', ['--daemon'])
      await daemon.startLibvirtd()
    } catch (error) {
      await daemon.stop()
      throw error
    }
    return daemon
  }

  /** Runs a program inside; answers with what it printed. */
  async exec(program: string, args: readonly string[]): Promise<string> {
    const enter = ['--target', String(this.#init_pid), '--net', '--mount', '--pid', '--ipc', '--uts', '--']
    const { stdout } = await run('nsenter', [...enter, program, ...args])
    return stdout
  }

  /** Answers when it takes connections. */
  async startLibvirtd(): Promise<void> {
    await this.exec('libvirtd', ['--daemon', '--pid-file', '/run/libvirt/libvirtd.pid'])
  }

  /**
   * Has it look at QEMU, as it does before the first guest, and answers when it has. Once in some thousands of starts it never did (2026-11-23, in a run
   * of all tests): then it says what stands still there, and not each test a minute later that libvirtd does not answer.
   */
  async learnQemu(): Promise<void> {
    try {
      await this.exec('timeout', ['--kill-after=1', '50', 'virsh', '--quiet', 'domcapabilities'])
    } catch (cause) {
      const there = await this.exec('ps', ['-eLo', 'pid,ppid,tid,stat,wchan:24,args'])
      throw new Error(`libvirtd does not come to an end with QEMU's capabilities:\n${there}\n${await this.log()}`, {
        cause,
      })
    }
  }

  /** Sends a signal to libvirtd alone; guests and virtlogd go on. */
  async signalLibvirtd(signal: 'KILL' | 'STOP' | 'CONT' | 'TERM'): Promise<void> {
    const pid = (await readFile(join(this.dir, 'run', 'libvirtd.pid'), 'utf8')).trim()
    await this.exec('kill', [`-${signal}`, pid])
  }

  log(): Promise<string> {
    return readFile(join(this.dir, 'log', 'libvirtd.log'), 'utf8')
  }

  /** Ends everything inside, guests too, and removes the folder. */
  async stop(): Promise<void> {
    const exited = this.#init.exitCode === null && this.#init.signalCode === null ? once(this.#init, 'exit') : null
    this.#init.stdin?.end()
    await exited
    await rm(this.dir, { recursive: true, force: true })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
  }
}

async function writeConfiguration(
  dir: string,
  { config = [], plain_user = false, locked_pool }: DaemonOptions,
): Promise<void> {
  const libvirtd = [
    'auth_unix_rw = "none"',
    'auth_unix_ro = "none"',
    'listen_tls = 0',
    // Without one of its own, every libvirtd here would take every other for itself, and refuse to migrate to it.
    `host_uuid = "${randomUUID()}"`,
    'log_outputs = "2:file:/var/log/libvirt/libvirtd.log"',
    ...config,
  ]
  const as_root = ['user = "root"', 'group = "root"', 'dynamic_ownership = 0', 'remember_owner = 0']
  const qemu = [
    ...(plain_user ? ['user = "libvirt-qemu"', 'group = "libvirt-qemu"'] : as_root),
    'security_driver = "none"',
    'namespaces = []',
    'cgroup_controllers = []',
    `auto_dump_path = "${join(dir, 'dumps')}"`,
    ...(locked_pool === undefined ? [] : [lock_manager]),
  ]
  if (locked_pool !== undefined) await writeFile(join(dir, 'etc', 'qemu-lockd.conf'), lockdConf(locked_pool))
  await writeFile(join(dir, 'etc', 'libvirtd.conf'), `${libvirtd.join('\n')}\n`)
  await writeFile(join(dir, 'etc', 'qemu.conf'), `${qemu.join('\n')}\n`)
  await writeFile(join(dir, 'etc', 'passwd.add'), 'libvirt-qemu:x:64055:64055::/var/lib/libvirt:/usr/sbin/nologin\n')
  await writeFile(join(dir, 'etc', 'group.add'), 'libvirt-qemu:x:64055:\n')
  await writeFile(join(dir, 'etc', 'virtlogd.conf'), 'log_outputs = "2:file:/var/log/libvirt/virtlogd.log"\n')
}
