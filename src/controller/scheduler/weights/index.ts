/**
 * All weights, by the names that explanations use. A new weight: a file here, a line here, a setting for its factor in
 * app/setting-values.ts (`scheduler.weight.NAME`), and its words (`weight.NAME`) in src/ui/instance/create-text.ts.
 */
import type { Weight } from '../weight.ts'
import { freeDisk } from './free-disk.ts'
import { freeMemory } from './free-memory.ts'
import { freeVcpus } from './free-vcpus.ts'
import { imageCached } from './image-cached.ts'
import { ownCluster } from './own-cluster.ts'
import { softAffinity } from './soft-affinity.ts'
import { softAntiAffinity } from './soft-anti-affinity.ts'

export const weights = {
  free_memory: freeMemory,
  free_vcpus: freeVcpus,
  free_disk: freeDisk,
  own_cluster: ownCluster,
  soft_affinity: softAffinity,
  soft_anti_affinity: softAntiAffinity,
  image_cached: imageCached,
} as const satisfies Readonly<Record<string, Weight>>

export type WeightName = keyof typeof weights
