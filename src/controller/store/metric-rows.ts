/** Blocks of metrics as rows, thousands in one statement. */
import { sql } from 'kysely'
import type { Db } from './database.ts'
import type { PackedBlock } from './metrics.ts'

/** A block as a row. */
export interface BlockRow {
  slot: number
  layout_id: number
  block: PackedBlock
}

const floats = ['mean', 'peak', 'counters'] as const

/** All floats of all rows, one after the other; where those of each row begin, from 1 on, and how long its parts are, bytes. */
function packed(rows: readonly BlockRow[]) {
  const parts: Buffer[] = []
  const begins: number[] = []
  const lengths: Record<(typeof floats)[number], number[]> = { mean: [], peak: [], counters: [] }
  let begin = 1
  for (const { block } of rows) {
    begins.push(begin)
    for (const part of floats) {
      const values = block[part]
      lengths[part].push(values?.byteLength ?? 0)
      if (!values) continue
      parts.push(Buffer.from(values.buffer, values.byteOffset, values.byteLength))
      begin += values.byteLength
    }
  }
  return { bytes: Buffer.concat(parts), begins, lengths }
}

/** The floats go as they are, in one piece of which each row takes its part: as text they would cost several times as much. */
export async function insertBlocks(db: Db, rows: readonly BlockRow[]): Promise<void> {
  if (rows.length === 0) return
  const { bytes, begins, lengths } = packed(rows)
  const array = (type: string, values: readonly (string | number)[]) =>
    sql`${`{${values.join()}}`}::text::${sql.raw(type)}[]`
  const column = (type: string, of: (row: BlockRow) => string | number) => array(type, rows.map(of))
  await sql`insert into metric_block (slot, resource_id, at, step_s, layout_id, mean, peak, counters)
    select r.slot, r.resource_id, to_timestamp(r.at_ms / 1000.0), r.step_s, r.layout_id, substring(f.bytes from r.begin for r.mean),
      case when r.peak > 0 then substring(f.bytes from r.begin + r.mean for r.peak) end,
      case when r.counters > 0 then substring(f.bytes from r.begin + r.mean + r.peak for r.counters) end
    from (select ${bytes}::bytea as bytes) f, unnest(
      ${column('smallint', row => row.slot)}, ${column('uuid', row => row.block.resource_id)},
      ${column('bigint', row => row.block.at_ms)}, ${column('integer', row => row.block.step_s)},
      ${column('integer', row => row.layout_id)}, ${array('integer', begins)}, ${array('integer', lengths.mean)},
      ${array('integer', lengths.peak)}, ${array('integer', lengths.counters)}
    ) as r(slot, resource_id, at_ms, step_s, layout_id, begin, mean, peak, counters)
    on conflict do nothing`.execute(db)
}
