/** Two hosts for tests of moves: two agents as programs of their own, each with a private libvirtd, and the test as their controllers. */
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { createHash, randomBytes, randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { mkdir, mkdtemp, readdir, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { WebSocket } from 'ws'
import { joinHost } from '../../../src/agent/join.ts'
import type { MigrationReport, WantedMigration } from '../../../src/protocol/migration.ts'
import type { WantedInstance } from '../../../src/protocol/wanted.ts'
import { uuid, wantedInstance } from '../../unit/agent/fakes.ts'
import { Daemon, type DaemonOptions } from '../libvirt/daemon.ts'
import { bootSector } from './boot-sector.ts'
import { TestController } from './controller.ts'

const run = promisify(execFile)
const main = join(import.meta.dirname, '../../../src/agent/main.ts')
export const image_id = uuid(0xa)

export class TestHost {
  readonly name: string
  readonly dir: string
  readonly daemon: Daemon
  readonly controller: TestController
  #agent: ChildProcess | null = null

  constructor(name: string, dir: string, daemon: Daemon, controller: TestController) {
    this.name = name
    this.dir = dir
    this.daemon = daemon
    this.controller = controller
  }

  get volumes(): string {
    return join(this.dir, 'pool', 'volumes')
  }

  async startAgent(): Promise<void> {
    const places = [
      '--state',
      join(this.dir, 'state'),
      '--pool',
      join(this.dir, 'pool'),
      '--run',
      join(this.dir, 'run'),
    ]
    const level = process.argv.includes('--verbose') ? 'debug' : 'fatal'
    const ways = ['--libvirt', this.daemon.path, '--network', 'none', '--peer-port', '0', '--log-level', level]
    this.#agent = spawn(process.execPath, [main, ...places, ...ways], { stdio: ['ignore', 'ignore', 'inherit'] })
    await this.controller.linked()
  }

  async killAgent(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    const agent = this.#agent
    if (agent === null || agent.exitCode !== null || agent.signalCode !== null) return
    const gone = once(agent, 'exit')
    agent.kill(signal)
    await gone
  }

  /** Of the processes that the agent started, that one. */
  async relayPid(): Promise<number> {
    const { stdout } = await run('pgrep', ['-P', String(this.#agent?.pid), '-f', 'relay-main.ts'])
    return Number(stdout.trim().split('\n')[0])
  }

  /** What libvirt says of a guest: 'running', 'paused', 'shut off', or '' when it is not there. */
  async domstate(id: string): Promise<string> {
    const list = await this.daemon.exec('virsh', ['-q', 'list', '--all'])
    const line = list.split('\n').find(each => each.includes(id))
    return line === undefined ? '' : line.replace(/^.*croft-\S+\s+/, '').trim()
  }

  /** The migration's report once it fits. */
  async phase(id: string, phase: MigrationReport['phase']): Promise<MigrationReport> {
    const report = await this.controller.report(id, each => each.migration?.phase === phase)
    return report.migration as MigrationReport
  }

  async console(id: string): Promise<WebSocket> {
    const token = randomUUID()
    const opened = new Promise<WebSocket>(resolve => this.controller.streams.set(token, resolve))
    const url = `wss://127.0.0.1:${this.controller.port}/streams/1`
    const answer = await this.controller.call({ method: 'stream', kind: 'console', instance_id: id, url, token })
    if (answer.error !== undefined) throw new Error(answer.error)
    return opened
  }

  /** The guest answers on its serial line: types, and waits until all of it came back. */
  async echoes(id: string, text: string): Promise<void> {
    const socket = await this.console(id)
    let got = ''
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const timer = setTimeout(() => reject(new Error(`the guest said only ${JSON.stringify(got)}`)), 20_000)
    socket.on('message', data => {
      got += (data as Buffer).toString('latin1')
      if (got.includes(text)) resolve()
    })
    socket.send(Buffer.from(text))
    try {
      await promise
    } finally {
      clearTimeout(timer)
      socket.close()
    }
  }

  /** Names of what is left of instances on disk. */
  async traces(): Promise<string[]> {
    const folders = ['pool/volumes', 'pool/config', 'state/wanted', 'state/done', 'state/moves', 'state/console']
    const found = await Promise.all(
      folders.map(async folder =>
        (await readdir(join(this.dir, folder)).catch(() => [])).map(name => `${folder}/${name}`),
      ),
    )
    return found.flat()
  }
}

export class TwoHosts {
  readonly work: string
  readonly alpha: TestHost
  readonly beta: TestHost

  private constructor(work: string, alpha: TestHost, beta: TestHost) {
    this.work = work
    this.alpha = alpha
    this.beta = beta
  }

  /** With `shared`, both have one pool. */
  static async start(options: { shared?: boolean; daemon?: DaemonOptions } = {}): Promise<TwoHosts> {
    const work = await mkdtemp(join(tmpdir(), 'croft-two-'))
    const first = await TestController.start()
    const second = await TestController.start(first)
    const hosts = await Promise.all(
      (
        [
          ['alpha', first],
          ['beta', second],
        ] as const
      ).map(async ([name, controller]) => {
        const dir = join(work, name)
        await mkdir(dir, { recursive: true })
        controller.images.set(image_id, bootSector({ heedsPowerButton: true }))
        const daemon = await Daemon.start({ hostname: name, ...options.daemon })
        await joinHost({ controller_url: controller.url, token: controller.token, state_dir: join(dir, 'state') })
        return new TestHost(name, dir, daemon, controller)
      }),
    )
    const [alpha, beta] = hosts
    if (alpha === undefined || beta === undefined) throw new Error('two hosts are two')
    if (options.shared === true) {
      await mkdir(join(alpha.dir, 'pool'))
      await symlink(join(alpha.dir, 'pool'), join(beta.dir, 'pool'))
    }
    await alpha.startAgent()
    await beta.startAgent()
    return new TwoHosts(work, alpha, beta)
  }

  async stop(): Promise<void> {
    for (const host of [this.alpha, this.beta]) {
      await host.killAgent('SIGTERM')
      host.controller.stop()
      await host.daemon.stop()
    }
    await rm(this.work, { recursive: true, force: true })
  }
}

export function guest(n: number, change: Partial<WantedInstance> = {}): WantedInstance {
  const bytes = bootSector({ heedsPowerButton: true })
  const sha256 = createHash('sha256').update(bytes).digest('hex')
  const image = { image_id, sha256, size_bytes: bytes.length, format: 'raw' as const }
  return wantedInstance({
    id: uuid(n),
    memory_mib: 32,
    config_drive: true,
    stop_timeout_s: 10,
    disks: [{ volume_id: uuid(0x100 + n), role: 'root', size_gib: 1, image, bus: 'virtio' }],
    ...change,
  })
}

export function migration(
  change: Partial<WantedMigration> & Pick<WantedMigration, 'peer_host_id' | 'copied_volumes'>,
): WantedMigration {
  return {
    id: randomUUID(),
    step: 'prepare',
    kind: 'live',
    secret: randomBytes(24).toString('base64url'),
    auto_converge: false,
    ...change,
  }
}
