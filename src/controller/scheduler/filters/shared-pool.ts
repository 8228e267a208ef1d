/** What is highly available must be able to start on another host: only where others reach its disks. */
import type { Filter } from '../filter.ts'

export const sharedPool: Filter = {
  fault: 'no shared pool, which high availability needs',
  applies: asked => asked.shared_pool === true,
  refuses: host => host.pool_shared !== true,
  why: () =>
    'its disks are in a pool that no other host has, and a highly available instance must be able to start on another',
}
