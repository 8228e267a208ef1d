/** Not hosts that an operator has set to take no new instances. */
import type { Filter } from '../filter.ts'

export const schedulable: Filter = {
  fault: 'takes no new instances',
  remedy: 'let a host take new instances again (croft host update --schedulable)',
  refuses: host => !host.schedulable,
  why: () => 'takes no new instances: it was set so',
}
