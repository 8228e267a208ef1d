/** The cold move: the files of a guest that is off go over one after the other; the target looks at them and puts them in place. */
import { Failure, type Leaving, type Sent } from '../../ports.ts'
import type { Conversation } from './conversation.ts'
import type { MoverOptions } from './mover.ts'
import { fileProgress } from './progress.ts'

/** `written`: what the guest wrote on its console. */
export async function sendFiles(
  leaving: Leaving,
  written: { readonly console?: string },
  peer: Conversation,
  { arrivals, machineState, clock }: Pick<MoverOptions, 'arrivals' | 'machineState' | 'clock'>,
): Promise<Sent> {
  const { instance, migration, signal } = leaving
  const files = await arrivals.leaving(instance, new Set(migration.copied_volumes))
  const disks = files.map(({ path: _path, ...disk }) => disk)
  // Where nothing is copied it lies in the pool that both have.
  const machine = await machineState.sent(instance, 'cold')
  await peer.ask({ type: 'offer_files', disks, ...written, ...(disks.length > 0 && { machine }) })
  const total_bytes = files.reduce((sum, file) => sum + file.file_bytes, 0)
  const begun_ms = clock.steady_ms()
  let sent_bytes = 0
  const show = (bytes: number) =>
    leaving.show(fileProgress({ total_bytes, sent_bytes: bytes }, clock.steady_ms() - begun_ms))
  show(0)
  for (const { volume_id, path, file_bytes } of files) {
    signal.throwIfAborted()
    const rate_max = migration.bandwidth_mib_s === undefined ? null : migration.bandwidth_mib_s * 2 ** 20
    const done = peer.relay.until(word => {
      if (word.on === 'file_bytes' && word.volume_id === volume_id) show(sent_bytes + word.bytes)
      return word.on === 'file' && word.volume_id === volume_id ? { error: word.error } : undefined
    })
    peer.relay.order({ do: 'send_file', volume_id, path, rate_max })
    const { error } = await Promise.race([done, ended(signal, peer.gone)])
    if (error !== null) throw new Failure(`The volume ${volume_id} could not be copied: ${error}`)
    sent_bytes += file_bytes
    show(sent_bytes)
  }
  signal.throwIfAborted()
  await leaving.handingOver()
  try {
    const finished = await peer.ask({ type: 'files_sent' })
    if (finished.type !== 'finished') return { outcome: 'unsure', reason: 'The target answers out of turn.' }
    if (!finished.ok) return { outcome: 'stayed', reason: finished.reason ?? 'The target could not keep the volumes.' }
    return { outcome: 'switched', progress: fileProgress({ total_bytes, sent_bytes }, clock.steady_ms() - begun_ms) }
  } catch (error) {
    return { outcome: 'unsure', reason: error instanceof Error ? error.message : String(error) }
  }
}

/** Rejects when it is to end before the file has gone over. */
function ended(signal: AbortSignal, gone: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const either = AbortSignal.any([signal, gone])
    either.addEventListener('abort', () => reject(either.reason as Error), { once: true })
    if (either.aborted) reject(either.reason as Error)
  })
}
