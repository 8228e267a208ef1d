/**
 * The end of a live move at its source, when everything is sent and the guest is paused: whether it goes on there or here is the target's
 * to say, once. Until it has said so nothing here lets the guest go on.
 */
import { jobStatsFlag, type Libvirt } from '../../../lib/libvirt/index.ts'
import type { MigrationProgress } from '../../../protocol/migration.ts'
import type { PeerReply } from '../../../protocol/peer.ts'
import type { Log, Sent } from '../../ports.ts'
import { explain } from '../libvirt/explain.ts'
import { type Conversation, PeerLost } from './conversation.ts'
import { progressOf } from './progress.ts'
import { flagsOf, paramsOf, type Terms } from './terms.ts'

export const call_timeout_ms = 5 * 60_000

type ReplyOf<Type extends PeerReply['type']> = Extract<PeerReply, { type: Type }>

/** Ends a conversation whose other end answers with something else than it was asked. */
export function must<Type extends PeerReply['type']>(reply: PeerReply, type: Type): ReplyOf<Type> {
  if (reply.type !== type) throw new PeerLost(`the target’s agent answers "${reply.type}" to another question`)
  return reply as ReplyOf<Type>
}

export interface HandOver {
  readonly peer: Pick<Conversation, 'ask' | 'sockets'>
  readonly watch: { readonly migration: Pick<Libvirt['migration'], 'jobStats'> }
  readonly leader: { readonly migration: Pick<Libvirt['migration'], 'confirm3'> }
  readonly terms: Terms
  /** What the guest has written to its console since that was sent. */
  writtenSince(): Promise<{ console?: string }>
  readonly log: Log
}

/** `cookie`: libvirt's, of what was performed. */
export async function handOver(
  instance_id: string,
  { peer, watch, leader, terms, writtenSince, log }: HandOver,
  cookie: Buffer,
  job: { readonly postcopy: boolean; readonly last: MigrationProgress | null },
): Promise<Sent> {
  const domain = { uuid: instance_id }
  let finished: ReplyOf<'finished'>
  try {
    const performed = { type: 'performed' as const, cookie: cookie.toString('base64'), cancelled: false }
    finished = must(await peer.ask({ ...performed, ...(await writtenSince()) }), 'finished')
  } catch (error) {
    return { outcome: 'unsure', reason: explain(error) }
  }
  const given = Buffer.from(finished.cookie, 'base64')
  const end = { timeout_ms: call_timeout_ms }
  try {
    const params = paramsOf(terms, peer.sockets)
    await leader.migration.confirm3(domain, given, flagsOf(terms), params, !finished.ok, end)
  } catch (error) {
    // The target runs it: whatever libvirt here makes of that, it must not go on here. What is left goes as the host leaves it.
    if (!finished.ok) throw error
    log.warn({ error, instance: instance_id }, 'libvirt did not take in that a guest has moved')
  }
  if (!finished.ok) return { outcome: 'stayed', reason: finished.reason ?? 'The target could not start the guest.' }
  const done = await watch.migration.jobStats(domain, jobStatsFlag.completed).catch((error: unknown) => {
    log.debug({ error, instance: instance_id }, 'libvirt does not tell how the move was')
    return null
  })
  return { outcome: 'switched', progress: done === null ? job.last : progressOf(done.values, job.postcopy) }
}
