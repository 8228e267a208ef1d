/**
 * Many hosts in one process, each with its own key, certificate and link on the real protocol, joined with a token as
 * hosts join. They do at once what they are told and report it: what is measured is the controller, not hypervisors.
 *
 * Started with an IPC channel: takes one message of HostsOrder, answers 'ready' when each has had its first wanted set. After
 * 'watch' it answers 'in sync' once each has had the whole of it on a link made since; until then it tells { note } of how far they are.
 */
import { once } from 'node:events'
import { join } from 'node:path'
import { factsOf } from '../../sim/facts.ts'
import { simulatedSamples } from '../../sim/samples.ts'
import { createControllerClient } from '../../src/agent/drivers/controller-client.ts'
import { joinHost } from '../../src/agent/join.ts'
import { createLink, type Link } from '../../src/agent/link.ts'
import type { LinkDialler, Log } from '../../src/agent/ports.ts'
import { realClock } from '../../src/lib/clock.ts'
import {
  type AgentFrame,
  type ControllerFrame,
  type InstanceReport,
  protocolVersion,
} from '../../src/protocol/messages.ts'
import { packSample } from '../../src/protocol/samples.ts'
import type { WantedInstance } from '../../src/protocol/wanted.ts'
import { spread } from './load.ts'

export interface HostsOrder {
  /** How many hosts are in other processes before these. */
  first: number
  /** One for each host. */
  tokens: string[]
  controller_url: string
  /** Where the hosts keep who they are. */
  folder: string
  size: { cpus: number; memory_mib: number; pool_gib: number }
  /** They dial again when a link ends, and measure when they are told to. Else a link that ends ends the bench. */
  whole: boolean
}

type Wanted = Extract<ControllerFrame, { type: 'wanted' }>

const joins_at_once = 8
/** A link that ends is seen where it counts. */
const quiet: Log = { debug() {}, info() {}, warn() {}, error: (detail, text) => console.error(text, detail) }
const powers = { running: 'running', stopped: 'stopped', deleted: 'stopped', purged: 'absent' } as const

/** `started_at`: a guest that runs already began when it began, whoever asks again. */
function reportOf(wanted: WantedInstance, started_at: string): InstanceReport {
  const power = powers[wanted.power]
  return {
    id: wanted.id,
    applied_generation: wanted.generation,
    power,
    failure: null,
    progress: null,
    started_at: power === 'running' ? started_at : null,
    guest_addresses: [],
    stopped_by_guest: false,
  }
}

const note_every_ms = 5000

/** The hosts that have been told all that is wanted of them since somebody began to watch, and what came of all their dialling. */
class InSync {
  private readonly hosts = new Set<string>()
  private readonly all: number
  private watched_ms: number | null = null
  private cpu = process.cpuUsage()
  private readonly dials = new Map<string, number>()
  private telling: NodeJS.Timeout | undefined

  constructor(all: number) {
    this.all = all
  }

  watch(): void {
    this.hosts.clear()
    this.dials.clear()
    this.watched_ms = performance.now()
    this.cpu = process.cpuUsage()
    this.telling = setInterval(() => this.tell(), note_every_ms)
  }

  add(name: string): void {
    this.hosts.add(name)
    if (this.watched_ms === null || this.hosts.size < this.all) return
    this.tell()
    clearInterval(this.telling)
    this.watched_ms = null
    process.send?.('in sync')
  }

  private tell(): void {
    if (this.watched_ms === null) return
    const { user, system } = process.cpuUsage(this.cpu)
    const [after_s, cpu_s] = [(performance.now() - this.watched_ms) / 1000, (user + system) / 1e6]
    const dials = [...this.dials].map(([what, count]) => `${count} ${what}`).join(', ')
    const note = `after ${after_s.toFixed(1)} s (CPU ${cpu_s.toFixed(1)} s) ${this.hosts.size} of ${this.all} in sync; ${dials}`
    process.send?.({ note })
  }

  /** Counts its dials, and how they ended. */
  counting(dialler: LinkDialler): LinkDialler {
    const count = (what: string) => this.dials.set(what, (this.dials.get(what) ?? 0) + 1)
    return {
      get urls() {
        return dialler.urls
      },
      learn: async urls => await dialler.learn?.(urls),
      stream: (url, token) => dialler.stream(url, token),
      dial: async (url, handlers) => {
        count('dialled')
        const closed = (reason: string) => {
          count(`closed: ${reason}`)
          handlers.closed(reason)
        }
        try {
          return await dialler.dial(url, { ...handlers, closed })
        } catch (error) {
          count(`failed: ${error instanceof Error ? error.message : String(error)}`)
          throw error
        }
      },
    }
  }
}

class Host {
  private readonly name: string
  private readonly order: HostsOrder
  private readonly in_sync: InSync
  private readonly held = new Map<string, WantedInstance>()
  private readonly started = new Map<string, string>()
  private readonly samples
  private link: Link | undefined
  private measuring: NodeJS.Timeout | undefined
  private interval_s = 0
  private number = 0
  private readonly began = Promise.withResolvers<void>()

  constructor(order: HostsOrder, n: number, in_sync: InSync) {
    this.order = order
    this.name = `host-${n}`
    this.in_sync = in_sync
    const running = () => [...this.held.values()].filter(one => one.power === 'running').map(one => one.id)
    this.samples = simulatedSamples(this.name, realClock, { running }, order.size)
  }

  /** Joins, dials, resolves when the first wanted set has come. */
  async start(token: string, state_dir: string): Promise<void> {
    const { controller_url } = this.order
    const machine_id = `machine-${this.name}`
    // Hardware that says nothing: to ask ip(8) for each of ten thousand would fork this process, which is larger than any agent, as often.
    const hardware = {}
    const identity = await joinHost({ controller_url, token, state_dir, name: this.name, machine_id, hardware })
    this.link = this.linkTo(this.in_sync.counting(createControllerClient(identity)))
    this.link.start()
    await this.began.promise
  }

  /** The link of the agent itself: its heartbeats, its checks, its way of dialling again. */
  private linkTo(dialler: LinkDialler): Link {
    return createLink({
      dialler,
      clock: realClock,
      random: { fraction: () => Math.random() },
      log: quiet,
      hello: () => {
        const facts = { ...factsOf(this.name, this.order.size), machine_id: `machine-${this.name}` }
        const holds = [...this.held.values()].map(
          ({ id, generation, details_version, power, reboot_count, placement = 0 }) => ({
            id,
            generation,
            details_version,
            power,
            reboot_count,
            placement,
          }),
        )
        const knows = { knows_calls: ['probe'], knows_unchanged: true }
        return Promise.resolve({ type: 'hello', protocol: protocolVersion, facts, holds, ...knows })
      },
      welcomed: ({ last_report }) => {
        this.number = Math.max(this.number, last_report)
        return Promise.resolve()
      },
      frame: frame => {
        if (frame.type === 'wanted') this.follow(frame)
        if (frame.type === 'call') this.answer(frame)
        return Promise.resolve()
      },
      needsLease: () => false,
      lost: () => this.lost(),
    })
  }

  private lost(): void {
    if (ending) return
    clearInterval(this.measuring)
    this.interval_s = 0
    if (this.order.whole) return
    console.error(`${this.name} lost its link`)
    process.exit(1)
  }

  /** Neighbours are reached; all else nobody asks here. */
  private answer({ call, params }: Extract<ControllerFrame, { type: 'call' }>): void {
    if (params.method === 'probe') this.send({ type: 'answer', call, result: { reached: 'machine' } })
    else this.send({ type: 'answer', call, error: 'this is a host of a bench' })
  }

  private send(frame: AgentFrame): void {
    this.link?.send(frame)
  }

  private report(one: WantedInstance): InstanceReport {
    const started_at = this.started.get(one.id) ?? new Date().toISOString()
    if (one.power === 'running') this.started.set(one.id, started_at)
    else this.started.delete(one.id)
    return reportOf(one, started_at)
  }

  private follow({ whole, instances: told, unchanged = [], forget_instances, host }: Wanted): void {
    // As an agent does, it reports all that it has on each new link.
    const instances = [...told, ...unchanged.flatMap(({ id }) => this.held.get(id) ?? [])]
    if (instances.length > 0) {
      this.send({
        type: 'report',
        report: ++this.number,
        whole: false,
        instances: instances.map(one => this.report(one)),
      })
    }
    if (this.order.whole) {
      for (const one of instances) this.held.set(one.id, one)
      for (const id of forget_instances) this.held.delete(id)
      if (host) this.measure(host.metrics_interval_s ?? 0)
    }
    if (!whole) return
    this.began.resolve()
    this.in_sync.add(this.name)
  }

  /** Hosts begin at any moment of the interval, as they do. */
  private measure(interval_s: number): void {
    if (interval_s === this.interval_s) return
    this.interval_s = interval_s
    clearInterval(this.measuring)
    if (interval_s === 0) return
    const round = async () => {
      const [host, instances] = [await this.samples.host(), await this.samples.instances()]
      this.send({
        type: 'samples',
        taken_ms: this.samples.taken_ms(),
        host,
        instances: [],
        packed: instances.map(packSample),
      })
    }
    this.measuring = setTimeout(
      () => {
        this.measuring = setInterval(() => void round(), interval_s * 1000)
      },
      Math.random() * interval_s * 1000,
    )
  }
}

let ending = false
process.once('disconnect', () => {
  ending = true
  process.exit(0)
})

const [order] = (await once(process, 'message')) as [HostsOrder]
const in_sync = new InSync(order.tokens.length)
process.on('message', () => in_sync.watch())
await spread({ count: order.tokens.length }, joins_at_once, async n => {
  const number = order.first + n + 1
  await new Host(order, number, in_sync).start(order.tokens[n] ?? '', join(order.folder, String(number)))
})
process.send?.('ready')
