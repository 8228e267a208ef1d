/** The drivers that there are. One more is a file, a name in bmcKinds and a line here. */
import type { Clock } from '../../lib/clock.ts'
import { type Fencing, fencing } from './fence.ts'
import { ipmi } from './ipmi.ts'
import { redfish } from './redfish.ts'

export function realFencing(clock: Clock): Fencing {
  return fencing({ ipmi, redfish: redfish(clock) }, clock)
}
