/** Whether the address that other hosts are to find this machine at is one that it has. Its form: config.ts. */
import type { Config } from '../config.ts'
import { HostError } from './error.ts'
import { portProblem } from './ports.ts'

/** To be asked before it is kept or anything is started with it. Throws HostError. */
export async function checkClusterAddress({ cluster_address }: Pick<Config, 'cluster_address'>): Promise<void> {
  if (cluster_address === undefined) return
  // Of any port: whether the address is there does not hang on who listens.
  const problem = await portProblem({ host: cluster_address, port: 0 })
  if (!problem) return
  throw new HostError(
    `cluster_address: ${cluster_address} ${problem.why}; nothing was changed`,
    'Say one that this machine has on the network between hosts (ip address shows them): --cluster-address ADDRESS',
  )
}
