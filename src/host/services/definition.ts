/**
 * A service together with what must be on disk before it starts.
 * Not its job: starting it.
 */
import type { Service } from '../service.ts'

export type Definition = {
  service: Service
  /** Idempotent; run before each start that is asked for, not before restarts. Throws HostError. */
  prepare(): Promise<void>
}
