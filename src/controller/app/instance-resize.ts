/**
 * Growing instances where they are: while they run, up to what their flavor allows (properties cpu.max, memory.max_mib); either way
 * while they are off. Quota and what is claimed of the host go with it in one transaction. Not its job: plugging anything in.
 */
import type { instanceRoutes } from '../../api/instance.ts'
import type { BodyOf } from '../../api/route.ts'
import { CloudError } from '../../model/errors.ts'
import { dimmCount, dimmMib } from '../../model/growth.ts'
import type { Hardware } from '../../model/hardware.ts'
import type { OperationId } from '../../model/ids.ts'
import { type Cloud, makeId } from '../cloud.ts'
import type { Tx } from '../store/database.ts'
import { host } from '../store/host.ts'
import { instance, type LockedInstance } from '../store/instance.ts'
import { operation } from '../store/operation.ts'
import { projectQuota } from '../store/project-quota.ts'
import { by, type Caller, checkVersion } from './caller.ts'
import { change } from './change.ts'
import { mustKeepReserve, reserveChange } from './ha-reserve-change.ts'
import { mustSee } from './instance.ts'
import { type Acted, mustStay } from './instance-act.ts'
import { vcpusText } from '../../model/words.ts'

interface Size {
  vcpus: number
  memory_mib: number
}

export function resizeInstance(
  cloud: Cloud,
  caller: Caller,
  id: string,
  asked: BodyOf<typeof instanceRoutes.resize>,
): Promise<Acted> {
  return change(cloud, caller, async tx => {
    const row = mustSee(caller, await instance.lock(tx, id), id)
    checkVersion(caller, row.version)
    const next = { vcpus: asked.vcpus ?? row.vcpus, memory_mib: asked.memory_mib ?? row.memory_mib }
    const base_mib = checkSize(row, next)
    const news = next.vcpus !== row.vcpus || next.memory_mib !== row.memory_mib
    let { generation } = row
    if (news) {
      const change = reserveChange(row, next)
      await mustKeepReserve(cloud, tx, change ? [change] : [])
      await settle(tx, row, next)
      const wish = { ...next, memory_base_mib: base_mib, grows: true }
      generation = (await instance.want(tx, [id], wish)).get(id) ?? generation
    }
    const started = {
      id: makeId<OperationId>(cloud) as string,
      project_id: row.project_id,
      ...by(caller),
      kind: 'instance.resize',
      noun: 'instance',
      resource_id: id,
      targets: [{ resource_id: id, generation }],
    }
    const changed = { noun: 'instance', kind: 'changed', resource_id: id, project_id: row.project_id, ...by(caller) }
    await operation.start(tx, [started], news ? [changed] : [], [row.host_id])
    await operation.endReached(tx, [id])
    const [[shown], [begun]] = [await instance.byIds(tx, [id]), await operation.byIds(tx, [started.id])]
    if (!shown || !begun) throw new Error('what was just changed is not there')
    return { instance: shown, operation: begun }
  })
}

/** Memory that is not DIMMs; null: all of it, as it is off. Throws wrong_state and invalid. */
function checkSize(row: LockedInstance, next: Size): number | null {
  mustStay(row)
  const { name, state } = row
  if (row.deleted_at !== null) throw new CloudError('wrong_state', `The instance ${name} is deleted. Recover it first.`)
  const hardware = row.hardware as Hardware | null
  const most = { vcpus: hardware?.vcpus_max ?? row.vcpus, memory_mib: hardware?.memory_max_mib ?? row.memory_mib }
  if (!hardware || (hardware.vcpus_max === null && hardware.memory_max_mib === null)) {
    throw new CloudError(
      'invalid',
      `The flavor of ${name} does not let it grow. One with the property cpu.max or memory.max_mib does, for instances made of it.`,
    )
  }
  if (next.vcpus > most.vcpus || next.memory_mib > most.memory_mib) {
    throw new CloudError(
      'invalid',
      `The flavor of ${name} lets it have ${vcpusText(most.vcpus)} and ${most.memory_mib} MiB at most. Ask for less.`,
      { vcpus_max: most.vcpus, memory_max_mib: most.memory_mib },
    )
  }
  if (state === 'stopped') return null
  if (next.vcpus < row.vcpus || next.memory_mib < row.memory_mib) {
    throw new CloudError(
      'wrong_state',
      `The instance ${name} is ${state}, and only shrinks while it is off. Stop it first.`,
    )
  }
  const base_mib = row.memory_base_mib ?? row.memory_mib
  const count = hardware.memory_max_mib === null ? 0 : dimmCount(next.memory_mib, base_mib, hardware.memory_max_mib)
  if (count !== null || next.memory_mib === row.memory_mib) return base_mib
  const step_mib = dimmMib(base_mib, most.memory_mib)
  throw new CloudError(
    'invalid',
    `The memory of ${name} grows in steps of ${step_mib} MiB from ${base_mib} MiB while it runs. Ask for another size, or stop it first.`,
    { step_mib, base_mib },
  )
}

/** Quota first, then the host: the order in which every transaction takes its locks. */
async function settle(tx: Tx, row: LockedInstance, next: Size): Promise<void> {
  const { project_id, host_id } = row
  const vcpus = next.vcpus - row.vcpus
  const memory_mib = next.memory_mib - row.memory_mib
  const more = { vcpus: Math.max(0, vcpus), memory_mib: Math.max(0, memory_mib) }
  const less = { vcpus: Math.max(0, -vcpus), memory_mib: Math.max(0, -memory_mib) }
  await projectQuota.charge(tx, project_id, more)
  await projectQuota.release(tx, project_id, less)
  const grows = more.vcpus > 0 || more.memory_mib > 0
  if (grows && !(await host.claim(tx, [{ host_id, ...more, disk_gib: 0 }]))) {
    throw new CloudError(
      'no_capacity',
      `The host ${row.host} has not ${vcpusText(more.vcpus)} and ${more.memory_mib} MiB more free, or takes no new load now. Move ${row.name} to another one first (croft instance migrate), or ask for less.`,
      { host_id },
    )
  }
  await host.release(tx, [{ host_id, ...less, disk_gib: 0 }])
}
