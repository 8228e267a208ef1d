/** The logical network as one import. Not its job: anything else. */
export { MemoryNorthbound } from './memory.ts'
export { plan } from './plan.ts'
export { OvnReconciler, type ReconcilerOptions } from './reconciler.ts'
export { type Northbound, northbound } from './schema.ts'
export { waitUntilInForce } from './sync.ts'
export * from './topology.ts'
