/** The tables of hosts that are lost, as TypeScript sees them: see schema.ts. Made in migrations/0018. */
import type { Generated } from 'kysely'
import type { BmcKind } from '../../model/bmc.ts'
import type { AbsenceCause, FencingMethod } from '../../model/host-state.ts'

export interface HostBmcTable {
  host_id: string
  kind: BmcKind
  address: string
  port: number | null
  user_name: string
  sealed_password: Buffer
  cipher_suite: Generated<number>
  certificate_sha256: string | null
  ca_pem: string | null
  system: string | null
  tested_at: Date | null
  test_failure: string | null
  updated_at: Generated<Date>
}

export interface HostAbsenceTable {
  host_id: string
  cause: AbsenceCause
  since: Date
  /** Made in migrations/0030-lists. */
  heard_at: Date | null
  opinions: Generated<unknown>
  asked_at: Date | null
  dead_at: Date | null
  fence_failure: string | null
  fence_attempts: Generated<number>
  fence_again_at: Date | null
  fenced_at: Date | null
  fenced_by: FencingMethod | null
  fenced_user_id: string | null
  /** Made in migrations/explain. */
  power_was_off: Generated<boolean>
  /** Made in migrations/kept. */
  cut_asked: Generated<boolean>
}

/** Made in migrations/0023-trust. */
export interface HostReachTable {
  host_id: string
  address: string
  boot_id: string
  asked_at: Generated<Date>
  asked: number
  reached_by: Generated<string[]>
  missed: Generated<number>
}

export interface ZoneStormTable {
  zone_id: string
  since: Generated<Date>
  gone: number
  hosts: number
  overridden_at: Date | null
  overridden_user_id: string | null
}

export interface LeaderTable {
  name: string
  controller_id: string
  lease_until: Date
  steady_since: Date
}

export interface HaRestartTable {
  id: string
  instance_id: string
  project_id: string
  from_host_id: string
  from_host: string
  to_host_id: string | null
  to_host: string | null
  generation: number | null
  fenced_by: FencingMethod
  lost_at: Date
  reason: string
  verify_by: Date | null
  outcome: 'running' | 'failed' | 'no_room' | 'given_up' | null
  failure: string | null
  begun_at: Generated<Date>
  ended_at: Date | null
}
