/** Not more disk than the host's pool has. */
import { type Filter, lacks } from '../filter.ts'
import { diskClaimed, diskNeeded } from '../snapshot.ts'

export const disk: Filter = {
  fault: 'too little disk is free',
  refuses: (host, claims, asked) =>
    diskNeeded(host, asked) > Math.max(0, host.disk_limit_gib - diskClaimed(host, claims)),
  why: (host, claims, asked) =>
    lacks('of disk', 'GiB ', diskNeeded(host, asked), host.disk_limit_gib, diskClaimed(host, claims)),
}
