/**
 * All weights, by the names that explanations use. A new weight: a file here, a line here, and its words (`weight.NAME`) in
 * src/ui/instance/create-text.ts.
 */
import type { Weight } from '../weight.ts'
import { freeDisk } from './free-disk.ts'
import { freeMemory } from './free-memory.ts'
import { freeVcpus } from './free-vcpus.ts'

export const weights: Readonly<Record<string, Weight>> = {
  free_memory: freeMemory,
  free_vcpus: freeVcpus,
  free_disk: freeDisk,
}
