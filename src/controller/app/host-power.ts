/**
 * Cutting the power of a host that is gone, by itself or because somebody asks: what is told of it has to be true when an answer of its BMC was
 * lost, or the controller that asked. Not its job: whether it is to be cut, and what is noted of the end.
 */
import type { Cloud } from '../cloud.ts'
import type { Fenced } from '../fencing/fence.ts'
import type { HostBmcRow } from '../store/host-bmc.ts'
import { powerCut } from '../store/power-cut.ts'
import { openBmc } from './host-bmc.ts'

/** As Fencing's `off`; `was_off` also says that no attempt before, in this absence of the host, had asked for it. */
export async function cutPower(cloud: Cloud, row: HostBmcRow, mayCut: () => Promise<boolean>): Promise<Fenced | null> {
  const { db } = cloud.database
  const noteAsked = (asked: boolean) => powerCut.noteAsked(db, row.host_id, asked)
  // Noted first: whether it may be cut is looked at last of all.
  const begin = async () => {
    const before = await powerCut.wasAsked(db, row.host_id)
    await noteAsked(true)
    const may = await mayCut()
    if (!may) await noteAsked(before)
    return may
  }
  const fenced = await cloud.fencing.off(openBmc(cloud, row), begin, () => noteAsked(false))
  return fenced && { ...fenced, was_off: fenced.was_off && !(await powerCut.wasAsked(db, row.host_id)) }
}
