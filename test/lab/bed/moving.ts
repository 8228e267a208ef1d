/** Two whole hosts of one cloud, whose first instance moves between them: what tests of moves ask of them, and how each begins anew. */
import assert from 'node:assert/strict'
import { setTimeout as delay } from 'node:timers/promises'
import { domainName } from '../../../src/agent/drivers/libvirt/domain-xml.ts'
import { hostRoutes } from '../../../src/api/host.ts'
import type { Instance } from '../../../src/api/instance.ts'
import { instanceMoveRoutes, type Migration, migrationRoutes } from '../../../src/api/migration.ts'
import { type Bed, createBed, type Host } from './bed.ts'
import { Cloud, unlessGone } from './cloud.ts'
import { imageCache } from './image-cache.ts'
import { haveSysvinit } from './services.ts'
import { qemuPids } from './traces.ts'

/**
 * Without KVM, QEMU before 9.0 forgets writes of guests that move live (docs/design/0009-moving.md, "What an emulator forgets"). That is the emulator’s fault, and
 * rare: it is not seen three times in a row. Where its process died, libvirt has logged it; what Croft cuts off is 'destroyed' there. Or a page of its
 * memory is not what it was, and the guest's kernel stumbles over that, which is on its console. A guest that booted anew without either is believed once.
 */
export const tries_max = 3
export const emulator_ended = /quit|monitor|not running|crashed/i

/** Of a cut network: relays hear nothing for 12 s, then libvirt gives up at once; the rest is for a busy machine. */
export const noticedWithin_ms = 30_000

/** As a kernel counts what it dies of, and what it or its programs say last. */
export const stumbled = '\\[#[0-9]+\\] |Kernel panic| segfault at '

/** IF of RFLAGS. */
const interrupts_flag = 0x200

const ended_within_ms = 180_000

export const isEnded = (now: Migration) => now.phase === 'ended'

type Limits = { bandwidth_mib_s?: number; downtime_ms_max?: number }

export class MovingBed {
  readonly bed: Bed
  readonly alpha: Host
  readonly beta: Host
  /** Its controller and database are on alpha. */
  readonly cloud: Cloud
  readonly hello: Instance
  readonly address: string
  readonly #ids: Readonly<Record<string, string>>

  static async create(): Promise<MovingBed> {
    await imageCache()
    const bed = await createBed()
    try {
      const alpha = await bed.addHost('alpha')
      const beta = await bed.addHost('beta')
      for (const host of [alpha, beta]) await haveSysvinit(host)
      const between = (host: Host) => ['--cluster-address', host.ip, '--tunnel-nic', 'eth0']
      const cloud = new Cloud(alpha)
      await cloud.must('up', ...between(alpha))
      const client = await cloud.client()
      const { command } = await client.call(hostRoutes.invite, { body: {} })
      const [, ...args] = command.split(' ')
      await new Cloud(beta).must(...args, ...between(beta))
      const { items } = await client.call(hostRoutes.list, { query: {} })
      const ids = Object.fromEntries(items.map(each => [each.name, each.id]))
      const hello = await cloud.instance('hello')
      const made = new MovingBed({ bed, alpha, beta, cloud, hello, ids })
      await cloud.untilHost(made.idOf(beta), 'up')
      return made
    } catch (error) {
      await bed.close()
      throw error
    }
  }

  private constructor(
    made: Pick<MovingBed, 'bed' | 'alpha' | 'beta' | 'cloud' | 'hello'> & { ids: Readonly<Record<string, string>> },
  ) {
    this.bed = made.bed
    this.alpha = made.alpha
    this.beta = made.beta
    this.cloud = made.cloud
    this.hello = made.hello
    this.address = made.hello.addresses[0]?.floating_address ?? ''
    this.#ids = made.ids
  }

  close(): Promise<void> {
    return this.bed.close()
  }

  idOf(host: Host): string {
    const id = this.#ids[host.name]
    assert(id, `there is no host ${host.name}`)
    return id
  }

  other(host: Host): Host {
    return host === this.alpha ? this.beta : this.alpha
  }

  async where(): Promise<Host> {
    return (await this.cloud.instance('hello')).host === 'beta' ? this.beta : this.alpha
  }

  async migrate(to: Host, more: Limits = {}): Promise<Migration> {
    const client = await this.cloud.client()
    const body = { host_id: this.idOf(to), ...more }
    const { migration } = await client.call(instanceMoveRoutes.migrate, { params: { instance: this.hello.id }, body })
    return migration
  }

  /** How it is once it fits; each of its changes is a change of its instance, too. A controller that is killed meanwhile is waited for. */
  async until({ id }: Migration, fits: (now: Migration) => boolean, what: string): Promise<Migration> {
    const client = await this.cloud.client()
    let last: Migration | undefined
    const ended = async () => {
      last = (await unlessGone(() => client.call(migrationRoutes.get, { params: { migration: id } }))) ?? last
      return last !== undefined && fits(last)
    }
    try {
      await this.cloud.untilTrue(id, ended, `a migration that is ${what}`, ended_within_ms)
    } catch (error) {
      throw new Error(`the migration is not ${what}: ${JSON.stringify(last)}`, { cause: error })
    }
    assert(last)
    return last
  }

  /** Slowly enough for what is to happen in between. */
  async onItsWay(to: Host, bandwidth_mib_s = 1): Promise<Migration> {
    const migration = await this.migrate(to, { bandwidth_mib_s })
    return this.until(migration, now => (now.progress?.elapsed_ms ?? 0) > 0, 'on its way')
  }

  /** Where QEMU processes are. */
  async runs(): Promise<{ alpha: number; beta: number }> {
    const [on_alpha, on_beta] = await Promise.all([qemuPids(this.alpha), qemuPids(this.beta)])
    return { alpha: on_alpha.length, beta: on_beta.length }
  }

  /** How often the guest was lost by itself, on either host: its process by libvirt's log of it, its kernel by its console (which moves with it). */
  async emulatorDeaths(): Promise<number> {
    const { id } = this.hello
    const count = async (text: string, log: string) => {
      const hosts = [this.alpha, this.beta]
      const found = await Promise.all(hosts.map(host => host.exec(['grep', '-cE', text, log])))
      return found.map(({ stdout }) => Number(stdout.trim() || 0))
    }
    const crashed = await count('reason=crashed', `/var/log/libvirt/qemu/${domainName(id)}.log`)
    const oopses = await count(stumbled, `/var/lib/croft/agent/console/${id}.log`)
    return crashed.reduce((sum, each) => sum + each, 0) + Math.max(...oopses)
  }

  /** The guest computes and computes, deaf to interrupts: its kernel runs in circles, and nobody reaches it. The emulator's doing, too. */
  async isStuck(): Promise<boolean> {
    const registers = ['virsh', 'qemu-monitor-command', domainName(this.hello.id), '--hmp', 'info registers']
    const host = await this.where()
    for (let look = 0; look < 10; look++) {
      const { stdout } = await host.exec(registers)
      const [, flags, halted] = /RFL=([0-9a-f]+) [^]*? HLT=([01])/.exec(stdout) ?? []
      const deaf = flags !== undefined && (Number.parseInt(flags, 16) & interrupts_flag) === 0
      if (!deaf || halted !== '0') return false
    }
    return true
  }

  /** As the guest itself counts. */
  boots(): Promise<string> {
    return this.cloud.mustSsh(this.address, 'cat /var/lib/tiny/boots')
  }

  /**
   * What each test begins with, whatever became of the one before: both hosts are up, nothing is on its way, and the guest runs here. `anew`: and
   * has just been started.
   */
  async beginOn(host: Host, anew = false): Promise<void> {
    const { bed, cloud, hello } = this
    for (const number of [1, 2]) await bed.fabric.setLink(number, 'up')
    for (const each of [this.alpha, this.beta]) await cloud.untilHost(this.idOf(each), 'up')
    const client = await cloud.client()
    const { items } = await client.call(migrationRoutes.list, { query: { instance_id: hello.id, open: true } })
    for (const open of items) {
      if (open.outcome === null) await client.call(migrationRoutes.cancel, { params: { migration: open.id } })
      await this.until(open, isEnded, 'ended')
    }
    const { state } = await cloud.instance('hello')
    if ((await this.where()) !== host) {
      // Off, as that fails for no emulator's reasons.
      await cloud.must('instance', 'stop', 'hello', '--wait')
      await this.until(await this.migrate(host), isEnded, 'ended')
      await cloud.must('instance', 'start', 'hello', '--wait')
    } else if (state !== 'running') await cloud.must('instance', 'start', 'hello', '--wait')
    else if (anew) await cloud.must('instance', 'reboot', 'hello', '--hard', '--wait')
    await cloud.mustSsh(this.address, 'true')
  }
}

/** Nothing tells when a guest's job ends but libvirt, when it is asked. */
export async function untilSaid(
  host: Host,
  argv: readonly string[],
  pattern: RegExp,
  within_ms: number,
): Promise<void> {
  const end_ms = performance.now() + within_ms
  for (;;) {
    const { stdout, stderr } = await host.exec(argv)
    if (pattern.test(stdout)) return
    assert(performance.now() < end_ms, `${argv.join(' ')} after ${within_ms} ms still says ${stdout}${stderr}`)
    await delay(500)
  }
}
