/** How far a move is, from libvirt's statistics of its job. Pure. */
import type { TypedValues } from '../../../lib/libvirt/index.ts'
import type { MigrationProgress } from '../../../protocol/migration.ts'

export function progressOf(values: TypedValues, postcopy: boolean): MigrationProgress {
  const count = (name: string) => {
    const value = values[name]
    return typeof value === 'number' && value >= 0 && value <= Number.MAX_SAFE_INTEGER ? Math.round(value) : 0
  }
  return {
    memory_total_bytes: count('memory_total'),
    memory_left_bytes: count('memory_remaining'),
    disk_total_bytes: count('disk_total'),
    disk_left_bytes: count('disk_remaining'),
    rate_bytes_s: count('memory_bps') + count('disk_bps'),
    elapsed_ms: count('time_elapsed'),
    downtime_ms: typeof values['downtime'] === 'number' ? count('downtime') : null,
    postcopy,
  }
}

/** Of files: what is not sent yet counts as their whole length. */
export function fileProgress(
  files: { readonly total_bytes: number; readonly sent_bytes: number },
  elapsed_ms: number,
): MigrationProgress {
  const { total_bytes, sent_bytes } = files
  return {
    memory_total_bytes: 0,
    memory_left_bytes: 0,
    disk_total_bytes: total_bytes,
    disk_left_bytes: Math.max(0, total_bytes - sent_bytes),
    rate_bytes_s: elapsed_ms <= 0 ? 0 : Math.round((sent_bytes * 1000) / elapsed_ms),
    elapsed_ms: Math.max(0, Math.round(elapsed_ms)),
    downtime_ms: null,
    postcopy: false,
  }
}
