/** Weights: each gives a fitting host between 0 and 1; their weighted sum is its score. More free room scores more, so load spreads. */
import type { Claims, HostSnapshot } from './snapshot.ts'

export type Weigh = (host: HostSnapshot, claims: Claims) => number

function freeShare(limit: number, claimed: number): number {
  return limit <= 0 ? 0 : Math.max(0, Math.min(1, (limit - claimed) / limit))
}

export const weights: Readonly<Record<string, { factor: number; weigh: Weigh }>> = {
  free_memory: { factor: 2, weigh: (host, claims) => freeShare(host.memory_limit_mib, claims.memory_mib) },
  free_vcpus: { factor: 1, weigh: (host, claims) => freeShare(host.vcpus_limit, claims.vcpus) },
  free_disk: { factor: 0.5, weigh: (host, claims) => freeShare(host.disk_limit_gib, claims.disk_gib) },
}
