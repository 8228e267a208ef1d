/** Not hosts in maintenance. */
import type { Filter } from '../filter.ts'

export const maintenance: Filter = {
  fault: 'in maintenance',
  remedy: 'wait until the maintenance is over',
  remedy_elsewhere: 'end a maintenance, or wait until it is over',
  refuses: host => host.maintenance,
  why: () => 'is in maintenance',
}
