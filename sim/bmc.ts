/**
 * Management controllers (BMC) of simulated hosts: each host has one with a supply of its own, at its name with `.bmc` after it,
 * whatever protocol it is set for. They let in the user `sim` with the password `sim`, unless something is wrong with them. Asked as
 * real ones are (fencing/fence.ts).
 */
import {
  type Bmc,
  FenceFailed,
  type Fencing,
  fencing,
  type FencingDriver,
  type Power,
} from '../src/controller/fencing/fence.ts'
import type { Clock } from '../src/lib/clock.ts'
import type { SimulatedHost } from './host.ts'

const suffix = '.bmc'
const account = 'sim'
/** A forced off takes so long until it is seen, ms. */
const off_ms = 1500
/** One that looks seldom takes what it saw for the truth so long. */
const stale_ms = 7000
/** One that is slow takes so long for each answer: two in three come too late. */
const slow_ms = [3000, 6000, 11_000]

export const bmcFaults = ['silent', 'slow', 'idle', 'refusing', 'stale'] as const
/**
 * 'silent': it does not answer. 'slow': it does what it is asked, also when nobody waits for the answer any more. 'idle': it says that it was
 * done, and does nothing. 'refusing': it lets nobody in. 'stale': it tells the power of some seconds ago, on or off.
 */
export type BmcFault = (typeof bmcFaults)[number]

/** As an operator sets the one of the host of this name. */
export const bmcOf = (name: string) => ({
  kind: 'ipmi',
  address: `${name}${suffix}`,
  user: account,
  password: account,
})

/** The one of a host. Whoever asks it does so by the time of the world. */
export class ManagementController {
  fault: BmcFault | null = null
  private readonly host: Pick<SimulatedHost, 'powered' | 'powerCut'>
  private cut_at_ms = Number.NEGATIVE_INFINITY
  private seen: { power: Power; at_ms: number } | null = null
  private asked = 0

  constructor(host: Pick<SimulatedHost, 'powered' | 'powerCut'>) {
    this.host = host
  }

  /** How long it takes to answer. */
  get takes_ms(): number {
    return this.fault === 'slow' ? (slow_ms[this.asked++ % slow_ms.length] ?? 0) : 0
  }

  power(now_ms: number): Power {
    if (this.fault === 'stale' && this.seen && now_ms < this.seen.at_ms + stale_ms) return this.seen.power
    const power = this.host.powered || now_ms < this.cut_at_ms + off_ms ? 'on' : 'off'
    this.seen = { power, at_ms: now_ms }
    return power
  }

  /** Whether it did anything. */
  cut(now_ms: number): boolean {
    if (this.fault === 'idle' || !this.host.powered) return false
    this.host.powerCut()
    this.cut_at_ms = now_ms
    return true
  }
}

export interface FencingParts {
  /** By name. */
  hosts: ReadonlyMap<string, SimulatedHost>
  /** Of the world. */
  time: Clock
  /** Of the controller that asks; the same, when there is no other. */
  clock?: Clock
  /** Its power was cut. */
  onCut?(host: SimulatedHost): void
}

export function simulatedFencing({ hosts, time, clock = time, onCut }: FencingParts): Fencing {
  async function reach<T>({ address, user, password }: Bmc, timeout_ms: number, act: (host: SimulatedHost) => T) {
    const host = address.endsWith(suffix) ? hosts.get(address.slice(0, -suffix.length)) : undefined
    const silence = `Nothing answers at ${address}. The simulated ones are at NAME${suffix}: host-1${suffix}.`
    if (!host) throw new FenceFailed('silent', silence)
    if (host.bmc.fault === 'silent') {
      await clock.sleep(timeout_ms)
      throw new FenceFailed('silent', silence)
    }
    if (user !== account || password !== account || host.bmc.fault === 'refusing')
      throw new FenceFailed(
        'refused',
        `It refuses the user or the password. The simulated ones take ${account} and ${account}.`,
      )
    const { takes_ms } = host.bmc
    if (takes_ms === 0) return act(host)
    const late = time.sleep(takes_ms).then(() => act(host))
    const inTime = clock.sleep(timeout_ms).then(() => {
      throw new FenceFailed('silent', `It did not answer within ${timeout_ms} ms.`)
    })
    return await Promise.race([late, inTime])
  }

  const driver: FencingDriver = {
    power: (bmc, timeout_ms) => reach(bmc, timeout_ms, host => host.bmc.power(time.steady_ms())),
    cut: (bmc, timeout_ms) =>
      reach(bmc, timeout_ms, host => {
        if (host.bmc.cut(time.steady_ms())) onCut?.(host)
      }),
  }
  return fencing({ ipmi: driver, redfish: driver }, clock)
}
