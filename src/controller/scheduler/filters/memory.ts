/** Not more memory than the host's, less its reserve, times its cluster's overcommit. */
import { type Filter, lacks } from '../filter.ts'
import { getsHugePages, smallMemoryMib } from '../snapshot.ts'

export const memory: Filter = {
  fault: 'too little memory is free',
  refuses: (host, claims, asked) =>
    smallMemoryMib(asked) > Math.max(0, host.memory_limit_mib - claims.memory_mib) && !getsHugePages(claims, asked),
  why: (host, claims, asked) => lacks('of memory', 'MiB ', asked.memory_mib, host.memory_limit_mib, claims.memory_mib),
}
