/** The tables of what moves: a part of schema.ts. */
import type { Generated } from 'kysely'
import type { MigrationPhase } from '../../model/migration.ts'

export interface MigrationTable {
  id: string
  instance_id: string
  instance_name: string
  project_id: string
  kind: 'live' | 'cold' | 'evacuation' | 'retry'
  cause: Generated<string>
  source_host_id: string
  target_host_id: string
  phase: MigrationPhase
  outcome: 'succeeded' | 'failed' | 'cancelled' | null
  reason: string | null
  cancel_as: 'failed' | 'cancelled' | null
  copied_volumes: Generated<unknown>
  options: Generated<unknown>
  secret: string | null
  peer_address: string | null
  /** By which name the source asks its target, at the hand-over; null: it does not. */
  asks: Generated<string | null>
  /** The target's answer to that, as it gave it: it never took the guest. */
  never: Generated<string | null>
  told: unknown
  progress: unknown
  progress_at: Date | null
  vcpus: number
  memory_mib: number
  disk_gib: number
  guarded_version: Generated<number | null>
  user_id: string | null
  request_id: string | null
  operation_id: string | null
  created_at: Generated<Date>
  sending_at: Date | null
  switched_at: Date | null
  given_up_at: Date | null
  ended_at: Date | null
}

export interface MaintenanceTable {
  host_id: string
  user_id: string | null
  request_id: string | null
  reason: Generated<string>
  operation_id: string | null
  drained_at: Date | null
  created_at: Generated<Date>
}

export interface MaintenanceObstacleTable {
  host_id: string
  instance_id: string
  reason: string
  attempts: Generated<number>
  since: Generated<Date>
  again_at: Date
}
