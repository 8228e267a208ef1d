/** Only the host that has all instances with which it shall be; of one that is placed anew, these may be gone since, and then it goes anywhere. */
import type { Filter } from '../filter.ts'

export const sameHost: Filter = {
  fault: 'not where the instances are that it shall be with',
  remedy: 'leave out --same-as',
  remedy_elsewhere: 'move it with those that it shall be with',
  stays: ({ around }) => around?.same_hosts?.has(around.own_host_id ?? '') === true,
  applies: asked => (asked.same_as?.length ?? 0) > 0,
  refuses(host, _, { around }) {
    const size = around?.same_hosts?.size ?? 0
    return size > 0 && !(size === 1 && around?.same_hosts?.has(host.id))
  },
  why: (_, __, asked) =>
    (asked.around?.same_hosts?.size ?? 0) > 1
      ? 'cannot have all the instances that it shall be with: they are on several hosts, or on their way from one to another'
      : 'does not have the instances that it shall be with',
}
