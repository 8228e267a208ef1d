/**
 * Before an agent does anything: is this the machine that joined? A copy of a whole disk has the key, the machine id and what is wanted of
 * the host that it was taken from. It starts no guest, opens no pool and says no hello, but asks whether it is to be that host; only an
 * operator's yes makes it so (docs/design/0017-hardware.md).
 */
import type { Clock } from '../lib/clock.ts'
import { compareHardware, type HardwareId, hardwareWords, isSameSaying, mergedHardware } from '../model/hardware-id.ts'
import { loadControllers } from './controllers.ts'
import { leaveSouthbound } from './drivers/ovs/leave-southbound.ts'
import { keepHardware, keptHardware, readHardware } from './hardware.ts'
import type { Identity } from './identity.ts'
import { askHardware, JoinFailed } from './join-request.ts'
import type { Log } from './ports.ts'
import { forgetUnconfirmed, isUnconfirmed, keepUnconfirmed } from './unconfirmed.ts'

export interface GateOptions {
  readonly state_dir: string
  readonly identity: Identity
  /** What this machine is now. */
  readonly hardware: HardwareId
  /** Where controllers are now. */
  readonly link_urls: readonly string[]
  /** Takes what the original does with others out of this machine's hands; tried until it succeeds. */
  readonly stepAside: () => Promise<void>
  readonly clock: Clock
  readonly log: Log
  readonly signal?: AbortSignal
}

/** Waits at the gate as this machine is now; `ovs_run`: Open vSwitch's run directory, null without one. Gives what an agent is to know of it. */
export async function becomeHost(
  options: Pick<GateOptions, 'state_dir' | 'identity' | 'clock' | 'log'> & { readonly ovs_run: string | null },
): Promise<{ hardware: HardwareId; waits_for_word: boolean; allNamed: () => Promise<void> }> {
  const { state_dir, identity, ovs_run, clock, log } = options
  const hardware = await readHardware()
  const { urls: link_urls } = await loadControllers(state_dir, identity.link_urls, log)
  const stepAside = () => (ovs_run === null ? Promise.resolve() : leaveSouthbound(ovs_run))
  const passed = await passGate({ state_dir, identity, hardware, link_urls, stepAside, clock, log })
  return { hardware, waits_for_word: passed === 'new', allNamed: () => forgetUnconfirmed(state_dir) }
}

const again_ms_min = 5000
const again_ms_max = 60_000

/**
 * Resolves when this machine is the host that it says it is: 'own', or 'new' while it has become that and no controller has named yet all that
 * is on its disk, which may be of other times. Rejects with the signal's reason.
 */
export async function passGate(options: GateOptions): Promise<'own' | 'new'> {
  const { state_dir, hardware, log } = options
  const kept = await keptHardware(state_dir)
  if (kept !== null && compareHardware(kept, hardware) === 'other') {
    const detail = { joined_on: hardwareWords(kept), here: hardwareWords(hardware) }
    log.error(detail, 'this machine is not the one that joined: no guest is started here until an operator says yes')
    await untilKnown(options)
    // First: from then on this hardware is its own, whatever ends the agent in between.
    await keepUnconfirmed(state_dir)
    await keepHardware(state_dir, hardware)
    return 'new'
  }
  const now = mergedHardware(kept, hardware)
  if (hardwareWords(now) !== null && !isSameSaying(kept, now)) await keepHardware(state_dir, now)
  return (await isUnconfirmed(state_dir)) ? 'new' : 'own'
}

async function untilKnown({
  identity,
  hardware,
  link_urls,
  clock,
  log,
  signal,
  stepAside,
}: GateOptions): Promise<void> {
  let is_aside = false
  let said = ''
  for (let failures = 0; ; ) {
    const began_ms = clock.steady_ms()
    try {
      if (!is_aside) await stepAside()
      is_aside = true
    } catch (error) {
      log.warn(
        { error },
        'what this machine would do with the networks of its original cannot be stopped; trying again',
      )
    }
    try {
      const { state, why } = await askHardware({ ...identity, link_urls: [...link_urls] }, hardware, signal)
      if (state === 'known') return log.info({}, 'an operator has said that this hardware is the host’s: going on')
      if (why !== said) log.error({}, (said = why))
      failures = 0
    } catch (error) {
      signal?.throwIfAborted()
      if (!(error instanceof JoinFailed)) throw error
      log.warn({ error }, 'no controller says whether this machine is to be its host; waiting')
      failures++
    }
    // An answer is held back until there is news; one that comes at once is not asked for in a tight loop.
    const wait_ms = Math.min(again_ms_max, again_ms_min * 2 ** Math.max(0, failures - 1))
    await clock.sleep(Math.max(0, wait_ms - (clock.steady_ms() - began_ms)), signal)
  }
}
