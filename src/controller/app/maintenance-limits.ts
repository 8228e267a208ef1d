/** How many migrations may run at once when hosts are emptied: of each host and cluster as many as its own settings say. */
import type { Cloud } from '../cloud.ts'
import type { Tx } from '../store/database.ts'
import { maintenance } from '../store/maintenance.ts'

export interface Limits {
  /** Why nothing more can leave the host now; null: it can. */
  full: string | null
  /** How many leave it now. */
  sends: number
  /** Other hosts that can take no more now: each with why, to follow its name. */
  busy: ReadonlyMap<string, string>
}

const waits = 'Waits for other migrations (croft migration list --open):'

/** Why it waits that could go to a host that is busy. The same whichever hosts these are: it is told when it changes. */
export const waitsForHosts = `${waits} every host that could take it has as many as it may have at once (migration.parallel_per_host).`

/** As it is now for what is to leave this host. */
export async function limitsOf({ settings }: Pick<Cloud, 'settings'>, tx: Tx, host_id: string): Promise<Limits> {
  const { hosts, clusters } = await maintenance.busy(tx)
  await settings.learn(tx, [host_id, ...hosts.keys()])
  const mostOf = (id: string) => settings.at('migration.parallel_per_host', { host_id: id })
  const { all, sends } = hosts.get(host_id) ?? { all: 0, sends: 0 }
  const of_cluster = clusters.get((await maintenance.clusterOf(tx, host_id)) ?? '') ?? 0
  const full =
    all >= mostOf(host_id)
      ? `${waits} its host has as many as it may have at once (migration.parallel_per_host).`
      : of_cluster >= settings.at('migration.parallel_per_cluster', { host_id })
        ? `${waits} as many leave hosts of its cluster as may at once (migration.parallel_per_cluster).`
        : null
  const busy = [...hosts].flatMap(([id, { all: many }]): [string, string][] =>
    id !== host_id && many >= mostOf(id) ? [[id, `has ${many} migrations, and may have ${mostOf(id)} at once`]] : [],
  )
  return { full, sends, busy: new Map(busy) }
}
