/**
 * A test host: net, mount, pid, uts and ipc namespaces with directories, devices, a name and a cable of their own
 * (host-init.sh). What a real host's power cut takes, `powerCut` takes; what its disks keep, `powerOn` brings back.
 * Not an isolation boundary: the rest of the file system is the machine's.
 */
import { createHash } from 'node:crypto'
import { mkdir, rm, writeFile } from 'node:fs/promises'
import type http from 'node:http'
import type net from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Fabric } from './fabric.ts'
import { type Answer, checkout, type FetchOptions, hold, Inside, type Running } from './namespace.ts'
import type { Outcome, RunOptions } from './run.ts'

const init_script = fileURLToPath(new URL('./host-init.sh', import.meta.url))

/** Directories a host has for itself and keeps over a power cut: first those that begin as a copy of the machine's. */
const seeded = ['/etc/libvirt', '/etc/frr', '/etc/init.d', ...runlevels()] as const
const empty = [
  '/etc/cron.d',
  '/etc/croft',
  '/etc/openvswitch',
  '/etc/ovn',
  '/var/cache/libvirt',
  '/var/lib/croft',
  '/var/lib/frr',
  '/var/lib/libvirt',
  '/var/lib/openvswitch',
  '/var/lib/ovn',
  '/var/log',
  '/var/tmp/frr',
] as const

/** Where sysvinit finds what to start and stop. */
function runlevels(): string[] {
  return ['0', '1', '2', '3', '4', '5', '6', 'S'].map(level => `/etc/rc${level}.d`)
}

export type SshOptions = {
  readonly user?: string
  readonly port?: number
  /** A guest that boots does not answer yet: try again until this long has passed. Default 30,000. */
  readonly timeout_ms?: number
}

export type HostOptions = {
  readonly name: string
  /** Place on the fabric, from 1. */
  readonly number: number
  /** Folder for this host's disks, logs and home. */
  readonly dir: string
  readonly fabric: Fabric
  /** Lines of /etc/hosts for the bed. */
  readonly hosts_file: string
}

export class Host {
  readonly name: string
  /** On the fabric, in a /24. */
  readonly ip: string
  readonly dir: string
  readonly #options: HostOptions
  #inside: Inside | undefined
  #spawned = 0

  constructor(options: HostOptions) {
    this.#options = options
    this.name = options.name
    this.dir = options.dir
    this.ip = options.fabric.addressOf(options.number)
  }

  get #disk(): string {
    return join(this.dir, 'disk')
  }

  get #on(): Inside {
    if (!this.#inside?.alive) throw new Error(`Host ${this.name} is switched off; powerOn() first`)
    return this.#inside
  }

  get powered(): boolean {
    return this.#inside?.alive === true
  }

  /** Process 1 of the host as the machine sees it; namespaces are at /proc/<pid>/ns. */
  get pid(): number {
    return this.#on.pid
  }

  /** Switches the host on and plugs its cable in; its disks are as they were. */
  async powerOn(): Promise<void> {
    if (this.powered) return
    const home = join(this.dir, 'home')
    await mkdir(this.#disk, { recursive: true })
    await mkdir(home, { recursive: true })
    const uuid = createHash('sha256').update(this.dir).digest('hex').slice(0, 32)
    await writeFile(join(this.#disk, 'machine-id'), `${uuid}\n`)
    await writeFile(join(this.#disk, 'hosts'), `127.0.0.1 localhost\n::1 localhost\n${this.#options.hosts_file}`)
    const flags = ['--net', '--mount', '--pid', '--uts', '--ipc', '--fork', '--mount-proc', '--kill-child']
    const argv = ['sh', init_script, this.name, this.#disk, ...seeded, '--', ...empty]
    const { holder, pid } = await hold(flags, argv)
    const into = ['--net', '--mount', '--pid', '--uts', '--ipc', `--wdns=${checkout}`]
    const inside = new Inside(holder, pid, into, { HOME: home })
    this.#inside = inside
    await this.#options.fabric.plug(this.#options.number, inside)
  }

  /** Everything on the host dies at once, as when the plug is pulled. (The machine's page cache is not lost with it.) */
  async powerCut(): Promise<void> {
    await this.#inside?.kill()
    this.#inside = undefined
    await this.#options.fabric.unplug(this.#options.number)
  }

  /** Pulls the network cable: the host sees no carrier. */
  cutLink(): Promise<void> {
    return this.#options.fabric.setLink(this.#options.number, 'down')
  }

  mendLink(): Promise<void> {
    return this.#options.fabric.setLink(this.#options.number, 'up')
  }

  /** Runs a program to its end, in the checkout's folder. Never throws for an exit code. */
  exec(argv: readonly string[], options?: RunOptions): Promise<Outcome> {
    return this.#on.exec(argv, options)
  }

  /** As `exec`, but throws unless the program ends with 0; answers its standard output. */
  must(argv: readonly string[], options?: RunOptions): Promise<string> {
    return this.#on.must(argv, options)
  }

  /** Starts a program that stays; output goes to a file in `dir`. */
  spawn(argv: readonly string[], env: Readonly<Record<string, string>> = {}): Running {
    const program = (argv[0] ?? 'program').replace(/.*\//, '')
    return this.#on.spawn(argv, join(this.dir, `${++this.#spawned}-${program}.log`), env)
  }

  /** A TCP connection as if made on the host. */
  connect(port: number, address?: string): Promise<net.Socket> {
    return this.#on.connect(port, address)
  }

  fetch(url: string, options?: FetchOptions): Promise<Answer> {
    return this.#on.fetch(url, options)
  }

  /** For `http.request({ agent: host.agent })`. */
  get agent(): http.Agent {
    return this.#on.agent
  }

  /** Where a path of the host is found from outside. What is on its disks can be read while it is off, too. */
  path(in_host: string): string {
    const kept = [...seeded, ...empty].find(directory => in_host === directory || in_host.startsWith(`${directory}/`))
    return kept ? this.#disk + in_host : `/proc/${this.pid}/root${in_host}`
  }

  /** Runs `command` on a guest through ssh from this host. Code 255 means that ssh itself failed until the time was up. */
  async sshTo(address: string, keyfile: string, command: string, options: SshOptions = {}): Promise<Outcome> {
    const settings = {
      BatchMode: 'yes',
      ConnectTimeout: '5',
      IdentitiesOnly: 'yes',
      LogLevel: 'ERROR',
      StrictHostKeyChecking: 'no',
      UserKnownHostsFile: '/dev/null',
    }
    const flags = Object.entries(settings).map(([name, value]) => `-o${name}=${value}`)
    const target = `${options.user ?? 'root'}@${address}`
    const argv = ['ssh', '-F/dev/null', ...flags, `-i${keyfile}`, `-p${options.port ?? 22}`, target, command]
    const until = Date.now() + (options.timeout_ms ?? 30_000)
    for (;;) {
      const outcome = await this.exec(argv, { timeout_ms: Math.max(1000, until - Date.now()) })
      // Nothing tells a host that a guest's sshd has begun to listen: asking again is the only way to know.
      if (outcome.code !== 255 || Date.now() + 500 > until) return outcome
      await new Promise(resolve => setTimeout(resolve, 250))
    }
  }

  async close(): Promise<void> {
    await this.powerCut()
    await rm(this.dir, { recursive: true, force: true })
  }
}
