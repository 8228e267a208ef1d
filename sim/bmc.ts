/**
 * Management controllers (BMC) of simulated hosts: each host has one with a supply of its own, at its name with `.bmc` after it,
 * whatever protocol it is set for. They let in the user `sim` with the password `sim`.
 */
import { type Bmc, type Fenced, FenceFailed, type Fencing } from '../src/controller/fencing/fence.ts'
import type { Clock } from '../src/lib/clock.ts'
import type { SimulatedHost } from './host.ts'

const suffix = '.bmc'
const account = 'sim'
/** A forced off takes so long until it is seen, ms. */
const off_ms = 1500

/** `hosts`: by name. */
export function simulatedFencing(hosts: ReadonlyMap<string, SimulatedHost>, clock: Clock): Fencing {
  const reach = ({ address, user, password }: Bmc): SimulatedHost => {
    const host = address.endsWith(suffix) ? hosts.get(address.slice(0, -suffix.length)) : undefined
    if (!host)
      throw new FenceFailed(
        'silent',
        `Nothing answers at ${address}. The simulated ones are at NAME${suffix}: host-1${suffix}.`,
      )
    if (user !== account || password !== account)
      throw new FenceFailed(
        'refused',
        `It refuses the user or the password. The simulated ones take ${account} and ${account}.`,
      )
    return host
  }
  return {
    power: async bmc => (reach(bmc).powered ? 'on' : 'off'),
    async off(bmc): Promise<Fenced> {
      const host = reach(bmc)
      if (!host.powered) return { was_off: true, took_ms: 0 }
      host.powerCut()
      await clock.sleep(off_ms)
      return { was_off: false, took_ms: off_ms }
    },
  }
}
