/**
 * The steps for one host that is not there, each of which may be taken again: other hosts are asked about it, it is declared dead, its
 * power is cut, or its lease is noted to be over. Which is due: model/host-state.ts.
 */
import { Value } from 'typebox/value'
import { isLoopback, parseAddress } from '../../lib/ip.ts'
import { type FencingMethod, type Opinion, verdictOf } from '../../model/host-state.ts'
import { ProbeOutcome } from '../../protocol/messages.ts'
import { openBmc } from '../app/host-bmc.ts'
import { CallFailed, type Cloud } from '../cloud.ts'
import { FenceFailed } from '../fencing/fence.ts'
import { type AbsentHost, absence } from '../store/absence.ts'
import { channels, type Tx } from '../store/database.ts'
import { event } from '../store/event.ts'
import { host } from '../store/host.ts'
import { hostBmc } from '../store/host-bmc.ts'

/** So many others are asked. */
const witnesses_max = 3
/** Where a machine that lives refuses or accepts: secure shell, and a port where nothing listens (discard, RFC 863). */
const ports = [22, 9]
const probe_ms_max = 1500
/** The host that is asked may be gone as well. */
const answer_ms_max = 2500
/** Between attempts to cut power: longer and longer. */
const again_first_ms = 2000
const again_max_ms = 30_000

function told(one: AbsentHost, reason: string, kind = 'changed') {
  return { noun: 'host', kind, resource_id: one.host_id, project_id: null, detail: { availability: reason } }
}

/** In a transaction that holds the host, if it still is not there. */
async function whileAbsent(cloud: Cloud, one: AbsentHost, work: (tx: Tx) => Promise<void>): Promise<void> {
  await cloud.database.transaction(async tx => {
    const locked = await host.lock(tx, one.host_id)
    const now = locked && (await absence.lock(tx, one.host_id))
    if (!now || now.fenced_by !== null) return
    await work(tx)
    await event.notify(tx, channels.absence, one.host_id)
  })
}

export async function askOthers(cloud: Cloud, one: AbsentHost): Promise<void> {
  const { tunnel_address: address } = one
  // A host says itself where it is; one that says 'here' would be reached by everybody, for ever.
  const can_be_asked = parseAddress(address) !== null && !isLoopback(address)
  const others = can_be_asked ? await absence.witnesses(cloud.database.db, one, witnesses_max) : []
  const opinions = await Promise.all(others.map(other => opinionOf(cloud, other, address)))
  const before = verdictOf(one.absence.opinions)
  await whileAbsent(cloud, one, async tx => {
    await absence.note(tx, one.host_id, { asked: true, opinions })
    const verdict = verdictOf(opinions)
    if (one.absence.asked_ms === null || verdict !== before)
      await event.record(tx, [told(one, `others were asked: ${verdict}`)])
  })
}

async function opinionOf(cloud: Cloud, other: { id: string; name: string }, address: string): Promise<Opinion> {
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

export function declareDead(cloud: Cloud, one: AbsentHost): Promise<void> {
  return whileAbsent(cloud, one, async tx => {
    await absence.note(tx, one.host_id, { dead: true })
    await event.record(tx, [told(one, 'dead: other hosts cannot reach it either')])
  })
}

/** Cuts its power, and notes it when it is seen to be off. Done twice it is off all the same. */
export async function fence(cloud: Cloud, one: AbsentHost): Promise<void> {
  const row = await hostBmc.find(cloud.database.db, one.host_id)
  if (!row) return
  try {
    const { took_ms, was_off } = await cloud.fencing.off(openBmc(cloud, row))
    const how = was_off ? 'its power was off already' : `its power was cut and seen to be off within ${took_ms} ms`
    await noteFenced(cloud, one, row.kind, `fenced by ${row.kind}: ${how}`)
  } catch (error) {
    if (!(error instanceof FenceFailed)) throw error
    const again_ms = Math.min(again_max_ms, again_first_ms * 2 ** one.absence.fence_attempts)
    await whileAbsent(cloud, one, async tx => {
      await absence.noteFenceFailure(tx, one.host_id, error.message, again_ms)
      await event.record(tx, [told(one, `cutting its power failed: ${error.message}`)])
    })
  }
}

export function noteLeaseOver(cloud: Cloud, one: AbsentHost): Promise<void> {
  return noteFenced(cloud, one, 'lease', 'fenced by lease: it has stopped its highly available instances itself')
}

function noteFenced(cloud: Cloud, one: AbsentHost, fenced_by: FencingMethod, reason: string): Promise<void> {
  return whileAbsent(cloud, one, async tx => {
    await absence.note(tx, one.host_id, { fenced_by })
    await event.record(tx, [told(one, reason)])
  })
}
