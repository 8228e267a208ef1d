/** A simulated controller: the real one over the simulated database, that can be killed at any statement and started anew. */
import type { FastifyInstance } from 'fastify'
import type { Logger } from 'pino'
import type { Cloud } from '../src/controller/cloud.ts'
import { startController } from '../src/controller/controller.ts'
import type { Fencing } from '../src/controller/fencing/fence.ts'
import { handlers } from '../src/controller/http/index.ts'
import { buildServer } from '../src/controller/http/server.ts'
import type { MachineClock } from './skew.ts'
import { databaseOf, type Engine, type Fault, type Process } from './database.ts'
import type { Seeded } from './random.ts'

export interface Answer {
  status: number
  body: Record<string, unknown>
}

export class ControllerDied extends Error {}

interface Life {
  process: Process
  cloud?: Cloud
  server?: FastifyInstance
  died: Promise<never>
}

export class SimulatedController {
  readonly name: string
  readonly url: string
  /** What happens at the statement after that many more. */
  planned: { fault: Fault; after: number } | null = null
  private life: Life | undefined
  private readonly engine: Engine
  private readonly clock: MachineClock
  private readonly random: Seeded
  private readonly log: Logger
  private readonly fencing: Fencing
  private readonly onKilled: (controller: SimulatedController) => void

  constructor(parts: {
    name: string
    engine: Engine
    /** Of its machine, which outlives it. */
    clock: MachineClock
    random: Seeded
    log: Logger
    fencing: Fencing
    onKilled(controller: SimulatedController): void
  }) {
    this.name = parts.name
    this.url = `sim://${parts.name}`
    this.engine = parts.engine
    this.clock = parts.clock
    this.random = parts.random
    this.log = parts.log
    this.fencing = parts.fencing
    this.onKilled = parts.onKilled
  }

  get cloud(): Cloud | undefined {
    return this.life?.process.alive ? this.life.cloud : undefined
  }

  async start(): Promise<void> {
    const died = Promise.withResolvers<never>()
    died.promise.catch(() => undefined)
    const process: Process = {
      name: this.name,
      alive: true,
      away: false,
      returned: new Set(),
      fault: statement => this.faultAt(statement),
      killed: () => {
        if (!process.alive) return
        process.alive = false
        died.reject(new ControllerDied(`${this.name} was killed`))
        this.onKilled(this)
      },
    }
    const life: Life = { process, died: died.promise }
    this.life = life
    const starting = this.startIn(life)
    starting.catch(error => {
      // Its database was gone at the wrong moment: a supervisor would start it again, and so does the run.
      if (process.alive && !(error instanceof ControllerDied)) process.killed()
    })
    await Promise.race([starting, died.promise]).catch(() => undefined)
  }

  private async startIn(life: Life): Promise<void> {
    const alive = () => life.process.alive
    const id = `00000000-0000-7000-8000-${Buffer.from(this.name).toString('hex').padStart(12, '0').slice(-12)}`
    const { cloud } = await startController({
      self: { id, name: this.name, version: '0.0.0', agent_url: this.url },
      database: databaseOf(this.engine, life.process),
      clock: this.clock.of(alive),
      random: this.random,
      log: this.log,
      sealer: { seal: (_, secret) => secret, unseal: (_, sealed) => sealed },
      images: { folder: '/simulated' },
      fencing: this.fencing,
      wanted_of_hosts: { ovn_southbound: '', physical_networks: {}, external_gateway: null },
    })
    life.server = await buildServer(cloud, handlers, { rate: { per_s: 1e6, burst: 1e6 } })
    life.cloud = cloud
  }

  kill(): void {
    this.life?.process.killed()
  }

  /** Cuts it off from the database, or lets it back. A life that begins meanwhile is not cut off. */
  setAway(away: boolean): void {
    const process = this.life?.process
    if (!process || process.away === away) return
    process.away = away
    if (!away) for (const tell of process.returned) tell()
  }

  /** Rejects with ControllerDied when the controller is killed before it has answered: the outcome is unknown then. */
  async ask(
    method: string,
    path: string,
    token: string,
    body?: unknown,
    headers: Record<string, string> = {},
  ): Promise<Answer> {
    const { life } = this
    if (!life?.server || !life.process.alive) throw new ControllerDied(`${this.name} is not running`)
    const answered = life.server.inject({
      method: method as 'GET',
      url: path,
      headers: { authorization: `Bearer ${token}`, ...headers },
      ...(body !== undefined && { payload: body as object }),
    })
    const reply = await Promise.race([answered, life.died])
    return { status: reply.statusCode, body: reply.body === '' ? {} : (JSON.parse(reply.body) as Answer['body']) }
  }

  private faultAt(statement: string): Fault {
    const { planned } = this
    if (!planned || statement.startsWith('rollback')) return 'none'
    if (planned.after-- > 0) return 'none'
    this.planned = null
    return planned.fault
  }
}
