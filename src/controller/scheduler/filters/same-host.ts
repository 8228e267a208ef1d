/** Only the host that has all instances with which it shall be. */
import type { Filter } from '../filter.ts'

export const sameHost: Filter = {
  fault: 'not where the instances are that it shall be with',
  applies: asked => (asked.same_as?.length ?? 0) > 0,
  refuses: (host, _, asked) => asked.around?.same_hosts?.size !== 1 || !asked.around.same_hosts.has(host.id),
  why: (_, __, asked) =>
    (asked.around?.same_hosts?.size ?? 0) > 1
      ? 'the instances that it shall be with are on several hosts'
      : 'the instances that it shall be with are elsewhere',
}
