/** What hosts are told of migrations. The table of it is stepFor in model/migration.ts. */
import { sql } from 'kysely'
import type { MigrationOptions } from '../../api/migration.ts'
import { type MigrationSide, stepFor } from '../../model/migration.ts'
import type { WantedMigration } from '../../protocol/migration.ts'
import type { WantedInstance } from '../../protocol/wanted.ts'
import type { Db, Tx } from './database.ts'
import type { MigrationRow } from './migration.ts'

/** What hosts are told of migrations: each host's part in each. `told`: in place of what is wanted of the instance now. */
export interface MigrationPart {
  host_id: string
  instance_id: string
  migration: WantedMigration
  told: WantedInstance | null
  /** Changes when the host is to be told anew. */
  version: string
}

type PartRow = Pick<
  MigrationRow,
  'id' | 'instance_id' | 'kind' | 'phase' | 'cancel_as' | 'peer_address' | 'secret' | 'copied_volumes' | 'options'
> &
  Pick<MigrationRow, 'source_host_id' | 'target_host_id' | 'told'> & {
    generation: number | null
    details_version: number | null
  }

const partColumns = sql`m.id, m.instance_id, m.kind, m.phase, m.cancel_as, m.peer_address, m.secret, m.copied_volumes, m.options,
  m.source_host_id, m.target_host_id, m.told, i.generation, i.details_version`

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
    told: clears ? (row.told as WantedInstance | null) : null,
    version: [clears ? '' : `${row.generation}.${row.details_version}`, row.id, step, row.peer_address].join(' '),
    migration: {
      id: row.id,
      step,
      kind: row.kind === 'live' ? 'live' : 'cold',
      peer_host_id: side === 'source' ? row.target_host_id : row.source_host_id,
      ...(step === 'send' && row.peer_address !== null && { peer_address: row.peer_address }),
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

/** The instances in whose moving the host has a part. */
async function instancesOf(tx: Tx, host_id: string): Promise<Set<string>> {
  const rows = await tx
    .selectFrom('migration')
    .select('instance_id')
    .where('phase', '!=', 'ended')
    .where(eb => eb.or([eb('source_host_id', '=', host_id), eb('target_host_id', '=', host_id)]))
    .execute()
  return new Set(rows.map(row => row.instance_id))
}

export const migrationParts = { partsOf, instancesOf }
