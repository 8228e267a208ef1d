/** What is highly available must be able to start on another host: only where others reach its disks. */
import type { Filter } from '../filter.ts'

export const sharedPool: Filter = {
  fault: 'no shared pool, which high availability needs',
  remedy:
    'use a storage pool that several hosts share (docs/operators.md, Shared storage), or do without high availability',
  applies: asked => asked.shared_pool === true,
  refuses: host => host.pool_shared !== true,
  why: () =>
    'has its disks in a pool of its own, and a highly available instance must be able to start on another host',
}
