/** Instances whose mark after a restore has come or gone (store/held.ts): people see them otherwise, and their hosts are told of them again, or no more. */
import type { Tx } from '../store/database.ts'
import { event } from '../store/event.ts'
import { heldPlace, type Marked } from '../store/held-place.ts'

export async function tellMarked(tx: Tx, marked: readonly Marked[]): Promise<void> {
  if (marked.length === 0) return
  const movers = await heldPlace.moversOf(
    tx,
    marked.map(one => one.id),
  )
  await event.record(
    tx,
    marked.map(({ id, project_id }) => ({ noun: 'instance', kind: 'changed', resource_id: id, project_id })),
    [...marked.map(one => one.host_id), ...movers],
  )
}
