/**
 * Cutting a host's power through its management controller (BMC), and making sure that it is off. What a BMC is asked in is
 * a driver's: ipmi.ts, redfish.ts. Not its job: whether a host is to be fenced (model/host-state.ts), and what follows.
 */
import type { Clock } from '../../lib/clock.ts'
import type { BmcKind } from '../../model/bmc.ts'

/** A management controller, and what it takes to be let in. */
export interface Bmc {
  kind: BmcKind
  /** A name or an IP address; IPv6 without brackets. */
  address: string
  /** Null: the kind's own, 623 and 443. */
  port: number | null
  user: string
  password: string
  /** IPMI: the cipher suite of RMCP+ (IPMI 2.0, table 22-20); 17 is SHA-256, 3, the oldest that encrypts, SHA-1. */
  cipher_suite: number
  /** Redfish: SHA-256 of the one certificate that is taken, hex; null: one that a public authority or `ca_pem` vouches for. */
  certificate_sha256: string | null
  /** Redfish: the authority that signed the certificate, PEM. */
  ca_pem: string | null
  /** Redfish: '/redfish/v1/Systems/1'; null where there is one system only. */
  system: string | null
}

export type Power = 'on' | 'off'

/**
 * - 'silent': nothing answers, in time or at all. Its power supply may be the host's, so this does not say that it is off.
 * - 'refused': it answers and does not do it: a wrong password, no right, no such system; asking again is of no use.
 * - 'failed': it answered, and something else went wrong: power stayed on, an answer that is none.
 */
export type FenceFault = 'silent' | 'refused' | 'failed'

/** The message says what and why for people; it never holds a password, nor what a stranger's server wrote. */
export class FenceFailed extends Error {
  readonly fault: FenceFault
  constructor(fault: FenceFault, words: string, options?: { cause?: unknown }) {
    super(words, options)
    this.fault = fault
  }
}

/** One try each, within `timeout_ms`; both throw FenceFailed. */
export interface FencingDriver {
  power(bmc: Bmc, timeout_ms: number): Promise<Power>
  /** Asks for an immediate power-off; resolves when that was accepted, not when it is off. */
  cut(bmc: Bmc, timeout_ms: number): Promise<void>
}

export interface Fenced {
  /** It was off before anything was sent that might have cut it. */
  was_off: boolean
  took_ms: number
}

/** What reaches management controllers; the simulation has its own. */
export interface Fencing {
  power(bmc: Bmc): Promise<Power>
  /**
   * Resolves only when the BMC itself says that the power is off; throws FenceFailed. `mayCut` is asked right before it is cut: a BMC that was
   * silent answers when its host may be back. Null: it was not to be cut any more. `refused` is told when the BMC has answered that it does not cut
   * it: all that is known of any other attempt is that it was made.
   */
  off(bmc: Bmc, mayCut: () => Promise<boolean>, refused?: () => Promise<void>): Promise<Fenced | null>
}

/** One answer of a BMC; they are slow machines. */
const answer_ms_max = 5_000
/** From asking for it to being off: the standards give no bound, a forced off takes a second or two. */
const off_ms_max = 12_000
/** How often it is asked whether it is off: neither protocol has an event for this that all BMCs send. */
const look_every_ms = 400

export function fencing(drivers: Readonly<Record<BmcKind, FencingDriver>>, clock: Clock): Fencing {
  return {
    power: bmc => drivers[bmc.kind].power(bmc, answer_ms_max),
    off: (bmc, mayCut, refused = () => Promise.resolve()) =>
      cutAndVerify(drivers[bmc.kind], { bmc, mayCut, refused, clock }),
  }
}

interface Cut {
  bmc: Bmc
  mayCut: () => Promise<boolean>
  refused: () => Promise<void>
  clock: Clock
}

/** Asks again after silence, since IPMI goes over UDP, until the time is up; a refusal ends it at once. */
async function cutAndVerify(driver: FencingDriver, { bmc, mayCut, refused, clock }: Cut): Promise<Fenced | null> {
  const begun_ms = clock.steady_ms()
  const end_ms = begun_ms + off_ms_max
  // An answer may be lost after the BMC has acted: what was tried and what was accepted are two things.
  let tried = false
  let accepted = false
  let last: FenceFailed | null = null
  while (true) {
    const left_ms = Math.min(answer_ms_max, end_ms - clock.steady_ms())
    if (left_ms <= 0)
      throw last ?? new FenceFailed('failed', `Its power is still on ${off_ms_max} ms after it was cut.`)
    try {
      if ((await driver.power(bmc, left_ms)) === 'off')
        return { was_off: !tried, took_ms: clock.steady_ms() - begun_ms }
      if (!accepted) {
        if (!(await mayCut())) return null
        tried = true
        await askToCut(driver, { bmc, refused }, left_ms)
        accepted = true
        continue
      }
      last = null
    } catch (error) {
      if (!(error instanceof FenceFailed) || error.fault === 'refused') throw error
      last = error
    }
    await clock.sleep(look_every_ms)
  }
}

async function askToCut(driver: FencingDriver, { bmc, refused }: Pick<Cut, 'bmc' | 'refused'>, left_ms: number) {
  try {
    await driver.cut(bmc, left_ms)
  } catch (error) {
    if (error instanceof FenceFailed && error.fault === 'refused') await refused()
    throw error
  }
}
