/** What other hosts see of one that does not answer, asked now. What follows from it: model/host-state.ts. */
import { Value } from 'typebox/value'
import { isOfMachine } from '../../lib/ip.ts'
import type { Opinion } from '../../model/host-state.ts'
import { ProbeOutcome } from '../../protocol/messages.ts'
import { peerPort } from '../../protocol/peer.ts'
import { CallFailed, type Cloud } from '../cloud.ts'
import { type AbsentHost, absence } from '../store/absence.ts'

/** So many others are asked. */
export const witnesses_max = 3
/**
 * Where a machine that lives refuses or accepts: what hosts need of each other anyway, and secure shell. Whether they get through is found out
 * while it is there (learnReach).
 */
const ports = [peerPort, 22]
const probe_ms_max = 1500
/** The host that is asked may be gone as well. */
const answer_ms_max = 2500

export async function opinionsOf(cloud: Cloud, one: AbsentHost): Promise<Opinion[]> {
  const { tunnel_address: address, reached_by } = one
  // One that says 'here' would be reached by everybody, for ever.
  const others = isOfMachine(address) ? await absence.witnesses(cloud.database.db, one, witnesses_max, reached_by) : []
  const found = await Promise.all(others.map(other => opinionOf(cloud, other, address)))
  // Who never reached it may be kept from it by a firewall: that it does not now tells nothing.
  return found.map(({ reached, ...told }) => ({
    ...told,
    reached: reached === 'none' && !reached_by.includes(told.host_id) ? null : reached,
  }))
}

export async function opinionOf(cloud: Cloud, other: { id: string; name: string }, address: string): Promise<Opinion> {
  const asked = { method: 'probe', address, ports, timeout_ms: probe_ms_max } as const
  const reached = await cloud.calls.ask(other.id, asked, { timeout_ms: answer_ms_max }).then(
    answer => (Value.Check(ProbeOutcome, answer) ? answer.reached : null),
    (error: unknown) => {
      if (error instanceof CallFailed) return null
      throw error
    },
  )
  return { host_id: other.id, host: other.name, reached, at: new Date(cloud.clock.now_ms()).toISOString() }
}
