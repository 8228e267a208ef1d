/** A cloud at rest with highly available instances, for someone to play with, in virtual time. */
import assert from 'node:assert/strict'
import type { Engine } from '../../sim/database.ts'
import type { SimulatedHost } from '../../sim/host.ts'
import { Run, type RunOptions } from '../../sim/run.ts'
import { Switchboard } from '../../sim/switchboard.ts'

interface Restart {
  instance_id: string
  from_host: string
  fenced_by: string
  outcome: string | null
  reason: string
}

/** Its clocks run alike: what is looked at here is at which second something is so. */
export class Played extends Run {
  constructor(engine: Engine, options: RunOptions) {
    super(engine, { drift: 0, ...options })
  }

  readonly switchboard = new Switchboard({
    hosts: this.byName,
    wires: this.wires,
    instancesOf: async name => this.ids.filter(id => id === name),
  })

  async makeInstances(): Promise<void> {
    await this.prepare(1)
    for (const host of this.hosts) host.failing = 0
    await this.pass(60)
    await this.makeAvailable(2)
    assert.deepEqual(
      this.ids.map(id => this.placesOf(id).length),
      [1, 1],
    )
  }

  /** Gives their ids. */
  async make(name: string, count: number): Promise<string[]> {
    const { network_id, flavor_id, image_id } = this.records ?? {}
    const made = this.ask('POST', '/v1/instances', { name, count, flavor_id, image_id, networks: [{ network_id }] })
    await this.pass(20)
    return (((await made)?.body.items ?? []) as { id: string }[]).map(one => one.id)
  }

  /** Simulated seconds. */
  pass(s: number): Promise<void> {
    return this.advance(s * 1000)
  }

  do(line: string): Promise<string> {
    return this.switchboard.do(line)
  }

  get machines(): readonly SimulatedHost[] {
    return this.hosts
  }

  get instances(): readonly string[] {
    return this.ids
  }

  placesOf(id: string): SimulatedHost[] {
    return this.hosts.filter(host => host.powered && host.domains.get(id)?.power === 'running')
  }

  hostOf(id: string): SimulatedHost {
    const [host, other] = this.placesOf(id)
    assert.ok(host && !other, `${id} runs on one host`)
    return host
  }

  async look(path: string): Promise<Record<string, unknown>> {
    const answer = this.ask('GET', path)
    await this.pass(2)
    return (await answer)?.body ?? {}
  }

  async restarts(): Promise<Restart[]> {
    return ((await this.look('/v1/ha-restarts')).items ?? []) as Restart[]
  }

  async storm(): Promise<{ gone: number } | null> {
    const [zone] = (await this.look('/v1/zones')).items as { storm: { gone: number } | null }[]
    return zone?.storm ?? null
  }

  async tell(method: string, path: string, body: unknown): Promise<void> {
    const answer = this.ask(method, path, body)
    await this.pass(2)
    assert.equal((await answer)?.status, 200, `${method} ${path}`)
  }

  async end(): Promise<void> {
    await this.stop()
    assert.deepEqual([...this.doubled], [])
  }
}
