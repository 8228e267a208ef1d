/** What hosts are told of migrations. The table of it is stepFor in model/migration.ts. */
import { sql } from 'kysely'
import type { MigrationOptions } from '../../api/migration.ts'
import { type MigrationSide, stepFor } from '../../model/migration.ts'
import type { WantedMigration } from '../../protocol/migration.ts'
import type { WantedInstance } from '../../protocol/wanted.ts'
import type { Db, Tx } from './database.ts'
import { inDoubt } from './held-place.ts'
import type { MigrationRow } from './migration.ts'

/** What hosts are told of migrations: each host's part in each. `told`: in place of what is wanted of the instance now. */
export interface MigrationPart {
  host_id: string
  instance_id: string
  migration: WantedMigration
  told: WantedInstance | null
  /** Changes when the host is to be told anew. */
  version: string
  /** Where the instance belongs is not known: neither host is told anything new of it. */
  held_back: boolean
}

type PartRow = Pick<
  MigrationRow,
  | 'id'
  | 'instance_id'
  | 'kind'
  | 'phase'
  | 'cancel_as'
  | 'peer_address'
  | 'asks'
  | 'never'
  | 'secret'
  | 'copied_volumes'
  | 'options'
> &
  Pick<MigrationRow, 'source_host_id' | 'target_host_id' | 'told'> & {
    generation: number | null
    details_version: number | null
    placement: number | null
    held_back: boolean
  }

const partColumns = sql`m.id, m.instance_id, m.kind, m.phase, m.cancel_as, m.peer_address, m.asks, m.never, m.secret, m.copied_volumes, m.options,
  m.source_host_id, m.target_host_id, m.told, i.generation, i.details_version, i.placement,
  coalesce(${inDoubt}, false) as held_back`

async function partsOf(db: Db, host_ids: readonly string[]): Promise<MigrationPart[]> {
  const hosts = sql`${[...host_ids]}::uuid[]`
  const { rows } = await sql<PartRow & { side: MigrationSide }>`
    select 'source' as side, ${partColumns} from migration m left join instance i on i.id = m.instance_id
    where m.phase <> 'ended' and m.source_host_id = any(${hosts})
    union all
    select 'target', ${partColumns} from migration m left join instance i on i.id = m.instance_id
    where m.phase <> 'ended' and m.target_host_id = any(${hosts})`.execute(db)
  return rows.flatMap(row => partOf(row, row.side) ?? [])
}

function partOf(row: PartRow, side: MigrationSide): MigrationPart | null {
  const step = stepFor({ phase: row.phase, cancel_asked: row.cancel_as !== null }, side)
  if (step === null) return null
  const clears = step === 'leave' || step === 'discard'
  const { bandwidth_mib_s, downtime_ms_max, auto_converge, postcopy_after_s, timeout_s } =
    row.options as MigrationOptions
  return {
    host_id: side === 'source' ? row.source_host_id : row.target_host_id,
    instance_id: row.instance_id,
    told: clears ? toldOf(row) : null,
    version: [
      clears ? '' : `${row.generation}.${row.details_version}.${row.placement}`,
      row.id,
      step,
      row.peer_address,
      side === 'target' ? row.asks : row.never,
    ].join(' '),
    held_back: row.held_back,
    migration: {
      id: row.id,
      step,
      kind: row.kind === 'live' ? 'live' : 'cold',
      peer_host_id: side === 'source' ? row.target_host_id : row.source_host_id,
      // One that is cancelled too late has to ask the target all the same.
      ...((step === 'send' || step === 'cancel') && {
        ...(row.peer_address !== null && { peer_address: row.peer_address }),
        ...(row.never !== null && { never: row.never }),
      }),
      ...(step === 'prepare' && row.asks !== null && { asked: row.asks }),
      secret: row.secret ?? '',
      copied_volumes: row.copied_volumes as string[],
      auto_converge: auto_converge ?? false,
      ...(bandwidth_mib_s && { bandwidth_mib_s }),
      ...(downtime_ms_max && { downtime_ms_max }),
      ...(postcopy_after_s && { postcopy_after_s }),
      ...(timeout_s && { timeout_s }),
    },
  }
}

/**
 * As of now: the host may have been told to make ready for it again, by a move that was lost with a newer database. What it was told of
 * later than the database knows it does not leave for this.
 */
function toldOf({ told, placement }: PartRow): WantedInstance | null {
  const base = told as WantedInstance | null
  return base && { ...base, placement: Math.max(base.placement ?? 0, placement ?? 0) }
}

/** A move as far as it says who is to have the instance. */
export type KnownMove = Pick<MigrationRow, 'id' | 'instance_id' | 'phase' | 'source_host_id' | 'target_host_id'>

/** The open moves in which these hosts have a part, and those of these ids that there are or were. */
async function knownTo(tx: Tx, host_ids: readonly string[], ids: readonly string[] = []): Promise<KnownMove[]> {
  const hosts = sql`any(${[...host_ids]}::uuid[])`
  const { rows } = await sql<KnownMove>`
    select id, instance_id, phase, source_host_id, target_host_id from migration
    where (phase <> 'ended' and (source_host_id = ${hosts} or target_host_id = ${hosts})) or id = any(${[...ids]}::uuid[])
    order by id`.execute(tx)
  return rows
}

export const migrationParts = { partsOf, knownTo }
