/**
 * Management controllers (BMC) of simulated hosts: each host has one with a supply of its own, at its name with `.bmc` after it,
 * whatever protocol it is set for. They let in the user `sim` with the password `sim`. Asked as real ones are (fencing/fence.ts).
 */
import { type Bmc, FenceFailed, type Fencing, fencing, type FencingDriver } from '../src/controller/fencing/fence.ts'
import type { Clock } from '../src/lib/clock.ts'
import type { SimulatedHost } from './host.ts'

const suffix = '.bmc'
const account = 'sim'
/** A forced off takes so long until it is seen, ms. */
const off_ms = 1500

/** `hosts`: by name. */
export function simulatedFencing(hosts: ReadonlyMap<string, SimulatedHost>, clock: Clock): Fencing {
  const cut_at_ms = new Map<SimulatedHost, number>()

  async function reach({ address, user, password }: Bmc, timeout_ms: number): Promise<SimulatedHost> {
    const host = address.endsWith(suffix) ? hosts.get(address.slice(0, -suffix.length)) : undefined
    if (!host || host.bmc_cut) {
      if (host) await clock.sleep(timeout_ms)
      throw new FenceFailed(
        'silent',
        `Nothing answers at ${address}. The simulated ones are at NAME${suffix}: host-1${suffix}.`,
      )
    }
    if (user !== account || password !== account)
      throw new FenceFailed(
        'refused',
        `It refuses the user or the password. The simulated ones take ${account} and ${account}.`,
      )
    return host
  }

  const driver: FencingDriver = {
    async power(bmc, timeout_ms) {
      const host = await reach(bmc, timeout_ms)
      const cut_ms = cut_at_ms.get(host) ?? Number.NEGATIVE_INFINITY
      return host.powered || clock.steady_ms() < cut_ms + off_ms ? 'on' : 'off'
    },
    async cut(bmc, timeout_ms) {
      const host = await reach(bmc, timeout_ms)
      host.powerCut()
      cut_at_ms.set(host, clock.steady_ms())
    },
  }
  return fencing({ ipmi: driver, redfish: driver }, clock)
}
