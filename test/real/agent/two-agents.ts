/** Two hosts for tests of moves: two agents as programs of their own, each with a private libvirtd, and the test as their controllers. */
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { createHash, randomBytes, randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { mkdir, readdir, rm, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { WebSocket } from 'ws'
import { joinHost } from '../../../src/agent/join.ts'
import { type Carried, carriedOf } from '../../../src/model/migration.ts'
import type { MigrationReport, WantedMigration } from '../../../src/protocol/migration.ts'
import type { WantedInstance } from '../../../src/protocol/wanted.ts'
import { uuid, wantedInstance } from '../../unit/agent/fakes.ts'
import { Daemon, type DaemonOptions } from '../libvirt/daemon.ts'
import { bootSector, bootSectorKeys } from './boot-sector.ts'
import { TestController } from './controller.ts'
import { scratch } from '../../support/scratch.ts'

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
    const dumps = ['--dump-dir', join(this.daemon.dir, 'dumps'), '--libvirt-dir', join(this.daemon.dir, 'lib')]
    const ways = [
      '--libvirt',
      this.daemon.path,
      ...dumps,
      '--network',
      'none',
      '--peer-port',
      '0',
      '--log-level',
      level,
    ]
    this.#agent = spawn(process.execPath, [main, ...places, ...ways], { stdio: ['ignore', 'ignore', 'inherit'] })
    await this.controller.linked()
  }

  /** Stops it where it is, without its knowing. */
  signalAgent(signal: 'SIGSTOP' | 'SIGCONT'): void {
    this.#agent?.kill(signal)
  }

  async killAgent(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    const agent = this.#agent
    if (agent === null || agent.exitCode !== null || agent.signalCode !== null) return
    const gone = once(agent, 'exit')
    agent.kill(signal)
    await gone
  }

  /** Of the processes that the agent started, that one: the newest, as one of the move before may still be on its way out. */
  async relayPid(): Promise<number> {
    const { stdout } = await run('pgrep', ['-n', '-P', String(this.#agent?.pid), '-f', 'relay-main.ts'])
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
  echoes(id: string, text: string): Promise<void> {
    return this.#says(id, text, text)
  }

  /** It has memory to carry (boot-sector.ts). */
  fills(id: string): Promise<void> {
    return this.#says(id, bootSectorKeys.fill, bootSectorKeys.filled)
  }

  async #says(id: string, typed: string, text: string): Promise<void> {
    const socket = await this.console(id)
    let got = ''
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const timer = setTimeout(() => reject(new Error(`the guest said only ${JSON.stringify(got)}`)), 20_000)
    socket.on('message', data => {
      got += (data as Buffer).toString('latin1')
      if (got.includes(text)) resolve()
    })
    socket.send(Buffer.from(typed))
    try {
      await promise
    } finally {
      clearTimeout(timer)
      socket.close()
    }
  }

  /** Names of what is left of instances on disk. */
  async traces(): Promise<string[]> {
    const folders = [
      'pool/volumes',
      'pool/config',
      'pool/machine',
      'state/wanted',
      'state/done',
      'state/moves',
      'state/console',
    ]
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
    const work = await scratch('croft-two')
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

type DriveStep = 'preparing' | 'sending' | 'leaving' | 'discarding' | 'ended'

/** Does what a controller does of one move, by what both hosts report; see docs/design/0009. */
export class Drive {
  readonly move: WantedMigration
  readonly instance: WantedInstance
  readonly from: TestHost
  readonly to: TestHost
  /** 'moved' or 'stayed', and the reason that was told; once both hosts are clean. */
  readonly ended: Promise<{ outcome: 'moved' | 'stayed'; told: MigrationReport }>
  /** The last that the source told of it. */
  readonly told: MigrationReport[] = []
  #step: DriveStep = 'preparing'
  #listens = ''
  #address = ''
  #cancel = false
  #carried: Carried = { asks: null, never: null }
  readonly #way: (address: string) => string
  #why: MigrationReport | null = null
  #resolve!: (end: { outcome: 'moved' | 'stayed'; told: MigrationReport }) => void
  #stop: () => void

  /** `way`: where the source is told to find the target, which listens at the address given. */
  constructor(
    instance: WantedInstance,
    from: TestHost,
    to: TestHost,
    change: Partial<WantedMigration>,
    way = (address: string) => address,
  ) {
    this.#way = way
    this.instance = instance
    this.from = from
    this.to = to
    this.move = migration({ peer_host_id: from.controller.host_id, copied_volumes: [], ...change })
    this.ended = new Promise(resolve => (this.#resolve = resolve))
    const look = () => this.#look()
    from.controller.on('frame', look)
    to.controller.on('frame', look)
    this.#stop = () => {
      from.controller.off('frame', look)
      to.controller.off('frame', look)
    }
    this.tell()
  }

  cancel(): void {
    this.#cancel = true
    this.tell()
  }

  /** What is wanted of both hosts now; to be called again once an agent has come back. */
  tell(): void {
    const { instance, move } = this
    const [here, there] = [this.from.controller, this.to.controller]
    const as = (
      step: WantedMigration['step'],
      peer: TestController,
      more: Partial<WantedMigration> = {},
    ): WantedInstance => ({ ...instance, migration: { ...move, step, peer_host_id: peer.host_id, ...more } })
    const { asks, never } = this.#carried
    switch (this.#step) {
      case 'preparing':
        here.want(true, [instance])
        there.want(true, [as('prepare', here)])
        break
      case 'sending':
        there.want(true, [as('prepare', here, { ...(asks !== null && { asked: asks }) })])
        here.want(true, [
          as(this.#cancel ? 'cancel' : 'send', there, {
            peer_address: this.#address,
            ...(never !== null && { never }),
          }),
        ])
        break
      case 'leaving':
        there.want(true, [instance])
        here.want(true, [as('leave', there)])
        break
      case 'discarding':
        here.want(true, [instance])
        there.want(true, [as('discard', here)])
        break
      case 'ended':
        break
      default:
        this.#step satisfies never
    }
  }

  #look(): void {
    const { id } = this.instance
    const [here, there] = [this.from.controller.reports.get(id), this.to.controller.reports.get(id)]
    const word = (report: typeof here) => (report?.migration?.id === this.move.id ? report.migration : undefined)
    const [source, target] = [word(here), word(there)]
    if (source !== undefined) this.told.push(source)
    const go = (step: DriveStep, why?: MigrationReport) => {
      this.#step = step
      this.#why = why ?? this.#why
      this.tell()
    }
    if (this.#step === 'sending') {
      const news =
        (source && carriedOf({ phase: 'sending', ...this.#carried }, 'source', source)) ??
        (target && carriedOf({ phase: 'sending', ...this.#carried }, 'target', target))
      if (news) {
        this.#carried = news
        this.tell()
      }
    }
    if (this.#step === 'preparing' || this.#step === 'sending') {
      if (source?.phase === 'switched' || target?.phase === 'switched') {
        return go('leaving', source?.phase === 'switched' ? source : target)
      }
      if (source?.phase === 'failed' || source?.phase === 'cancelled') return go('discarding', source)
      if (target?.phase === 'failed' && this.#step === 'preparing') return go('discarding', target)
      if (target?.phase === 'ready' && target.address !== undefined && target.address !== this.#listens) {
        this.#listens = target.address
        this.#address = this.#way(target.address)
        go('sending')
      }
      return
    }
    const loser = this.#step === 'leaving' ? this.from : this.to
    const gone = loser === this.from ? here : there
    if (this.#step === 'ended' || gone?.power !== 'absent' || this.#why === null) return
    const outcome = this.#step === 'leaving' ? ('moved' as const) : ('stayed' as const)
    this.#step = 'ended'
    this.#stop()
    loser.controller.want(true, [], [id])
    loser.controller.reports.delete(id)
    const told = this.#why
    // Frames are heeded one after the other: when this is answered the instance is forgotten.
    const { url } = loser.controller
    const probe = { method: 'stream' as const, kind: 'log' as const, instance_id: id, url, token: 'x' }
    void loser.controller.call(probe).then(() => this.#resolve({ outcome, told }))
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
    disks: [{ volume_id: uuid(0x100 + n), role: 'root', size_gib: 1, size_mib: 192, image, bus: 'virtio' }],
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
