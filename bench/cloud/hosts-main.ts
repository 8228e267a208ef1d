/**
 * Many hosts in one process, each with its own key, certificate and link on the real protocol, joined with a token as
 * hosts join. They do at once what they are told and report it: what is measured is the controller, not hypervisors.
 *
 * Started with an IPC channel: takes one message of HostsOrder, answers 'ready' when each has had its first wanted set.
 */
import { once } from 'node:events'
import { join } from 'node:path'
import { factsOf } from '../../sim/facts.ts'
import { createControllerClient } from '../../src/agent/drivers/controller-client.ts'
import { joinHost } from '../../src/agent/join.ts'
import type { LinkConnection } from '../../src/agent/ports.ts'
import type { AgentFrame, ControllerFrame, InstanceReport } from '../../src/protocol/messages.ts'
import type { WantedInstance } from '../../src/protocol/wanted.ts'

export interface HostsOrder {
  /** One for each host. */
  tokens: string[]
  controller_url: string
  /** Where the hosts keep who they are. */
  folder: string
  size: { cpus: number; memory_mib: number; pool_gib: number }
}

const powers = { running: 'running', stopped: 'stopped', deleted: 'stopped', purged: 'absent' } as const

function reportOf(wanted: WantedInstance): InstanceReport {
  const power = powers[wanted.power]
  return {
    id: wanted.id,
    applied_generation: wanted.generation,
    power,
    failure: null,
    progress: null,
    started_at: power === 'running' ? new Date().toISOString() : null,
    guest_addresses: [],
    stopped_by_guest: false,
  }
}

/** Joins, dials, resolves when the first wanted set has come. A link that ends ends the bench: nothing here may fail. */
async function startHost(order: HostsOrder, token: string, n: number, state_dir: string): Promise<void> {
  const name = `host-${n}`
  const machine_id = `machine-${name}`
  const { controller_url } = order
  const identity = await joinHost({ controller_url, token, state_dir, name, machine_id })
  const client = createControllerClient(identity)
  const began = Promise.withResolvers<void>()
  let number = 0
  const send = (link: LinkConnection, frame: AgentFrame) => link.send(JSON.stringify(frame))
  const take = (frame: ControllerFrame) => {
    if (frame.type === 'welcome') {
      number = frame.last_report
      setInterval(() => send(link, { type: 'ping', sent_ms: 0 }), frame.heartbeat_ms)
    }
    if (frame.type !== 'wanted') return
    if (frame.instances.length > 0) {
      send(link, { type: 'report', report: ++number, whole: false, instances: frame.instances.map(reportOf) })
    }
    began.resolve()
  }
  const link = await client.dial(identity.link_urls[0] ?? '', {
    message: text => take(JSON.parse(text) as ControllerFrame),
    closed: reason => {
      if (ending) return
      console.error(`${name} lost its link: ${reason}`)
      process.exit(1)
    },
  })
  const facts = { ...factsOf(name, order.size), machine_id }
  send(link, { type: 'hello', protocol: 1, facts, holds: [] })
  await began.promise
}

let ending = false
process.once('disconnect', () => {
  ending = true
  process.exit(0)
})

const [order] = (await once(process, 'message')) as [HostsOrder]
for (const [n, token] of order.tokens.entries()) await startHost(order, token, n + 1, join(order.folder, String(n)))
process.send?.('ready')
