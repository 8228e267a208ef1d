/** Finds the CPU that the hosts of each cluster have in common, once there are two of them; and asks each host whether it carries that. */
import { compare, firstBaseline, noteVerdict } from '../app/cpu-baseline.ts'
import type { Cloud } from '../cloud.ts'
import { cpuBaseline } from '../store/cpu-baseline.ts'
import { Loop } from './loop.ts'

export const cpu_baseline_every_ms = 30_000
const clusters_max = 5
const hosts_max = 50

export function cpuBaselineLoop(cloud: Cloud): Loop {
  const { clock, log } = cloud
  return new Loop({
    name: 'CPU baselines',
    clock,
    log,
    every_ms: cpu_baseline_every_ms,
    pass: () => compareCpus(cloud),
  })
}

/** One pass; what failed is tried again with the next one. */
export async function compareCpus(cloud: Pick<Cloud, 'calls' | 'database' | 'log'>): Promise<boolean> {
  const { db } = cloud.database
  const failed = (what: object) => (error: unknown) =>
    cloud.log.info({ err: error, ...what }, 'CPUs could not be compared')
  for (const id of await cpuBaseline.due(db, clusters_max))
    await firstBaseline(cloud, id).catch(failed({ cluster: id }))
  const asked = await cpuBaseline.unasked(db, hosts_max)
  const outcomes = await Promise.all(
    asked.map(one =>
      compare(cloud, one.id, one.baseline)
        .then(verdict => noteVerdict(cloud, one, verdict))
        .then(
          () => true,
          (error: unknown) => {
            failed({ host: one.id })(error)
            return false
          },
        ),
    ),
  )
  return asked.length === hosts_max && outcomes.includes(true)
}
