/**
 * Whether this host is being shut down or rebooted: its init stops guests then, which looks from inside like guests that power
 * themselves off. Known where systemd runs; elsewhere nobody stops guests in an orderly way.
 */
import { existsSync } from 'node:fs'
import { run } from '../../lib/process.ts'

const answerWithin_ms = 5000

/** systemctl(1), is-system-running: 'stopping' from the moment that the shutdown is queued, before any unit is stopped. */
export async function hostEnds(): Promise<boolean> {
  if (!existsSync('/run/systemd/system')) return false
  const { stdout } = await run(['systemctl', 'is-system-running'], { timeout_ms: answerWithin_ms })
  return stdout.trim() === 'stopping'
}
