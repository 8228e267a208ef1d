/**
 * The instance reconciler: a pass reads what is wanted and what the hypervisor has, and closes the difference, act by act,
 * as instance-plan.ts decides. It takes no input: a wake-up only makes it run sooner, and it behaves the same after a restart.
 * Of one instance, one pass runs at a time; starting is bounded over all of them.
 */
import type { Clock } from '../../lib/clock.ts'
import type { InstanceReport } from '../../protocol/messages.ts'
import type { WantedDisk, WantedInstance } from '../../protocol/wanted.ts'
import {
  Away,
  type Arrivals,
  type Domain,
  Failure,
  type GuestData,
  type Hypervisor,
  type Log,
  type MachineState,
  type Mover,
  type SharedCpus,
  type State,
  type Storage,
} from '../ports.ts'
import type { SeenGuest } from '../guests.ts'
import type { LeaseKeeper } from '../lease.ts'
import type { Reporter } from '../reporter.ts'
import { type Done, nothingDone, parseDone } from './done.ts'
import {
  type Act,
  planInstance,
  pressAgain_ms,
  reportInstance,
  type Situation,
  sizeOf,
  started,
  wentOffUnasked,
} from './instance-plan.ts'
import { createGuestWatchdogs } from './guest-watchdogs.ts'
import { createMoves } from './moves.ts'
import { createLimiter, createWorker } from './worker.ts'

/** Definitions and starts at one time on one host: QEMU's start is work for the CPU. */
const startsMax = 8
/** A failure that is likely to pass is shown after so many tries. */
const quietTries = 3
const retryFirst_ms = 1000
const retryMax_ms = 5 * 60_000
/** What makes a guest run. */
const mayRun: ReadonlySet<Act> = new Set(['start', 'resume'])
/** More acts than any way through the plan has: reaching it is an error in the plan. */
const actsPerPassMax = 12

export interface InstanceReconcilerOptions {
  readonly hypervisor: Hypervisor
  readonly storage: Storage
  readonly guestData: GuestData
  /** Without it machines remember nothing beside their disks. */
  readonly machineState?: MachineState
  /** Without both, instances neither come from other hosts nor go there. */
  readonly mover?: Mover
  readonly arrivals?: Arrivals
  readonly state: State
  readonly clock: Clock
  readonly log: Log
  readonly boot_id: string
  /** The host is being shut down: guests that go off now do so with it. */
  readonly hostEnds?: () => Promise<boolean>
  readonly instances: ReadonlyMap<string, WantedInstance>
  readonly reporter: Reporter
  /** What a running guest says of itself. */
  readonly guestOf?: (id: string) => SeenGuest
  /** A guest has come from another host. */
  readonly cameHere?: (id: string) => void
  /** It is off, and nobody wants it to run; told at each look. */
  readonly wentOff?: (id: string) => void
  readonly lease: Pick<LeaseKeeper, 'whyNot' | 'guardedVersion' | 'killedAt'>
  /** Why it may not be started yet, since nobody has said of late that it belongs here; null: it may. */
  readonly untold?: (id: string, ran_in_boot: boolean) => string | null
  /** Where guests without CPUs of their own run. */
  readonly sharedCpus?: () => SharedCpus | null
  /** Resolves when guests' NICs can be plugged in. */
  readonly networkReady: () => Promise<void>
}

export interface InstanceReconciler {
  wake(id: string): void
  /** What is wanted of it changed: also gives up waiting for what the old wish needed. */
  changed(id: string): void
  /** The guest's watchdog fired: told with its reports from now on. */
  watchdogFired(id: string): void
  /** Reports every wanted instance as it is among `domains`, then wakes it. */
  survey(domains: readonly Domain[]): void
  readonly isGone: (id: string) => boolean
  /** It was to come from another host, and is here. */
  readonly hasCome: (id: string) => boolean
  /** Of which nothing is left and nobody will ask. */
  forget(ids: readonly string[]): Promise<void>
  stop(): Promise<void>
}

/** A volume that another instance here is wanted with has moved to it, whatever a late or old purge says. */
function ownDisks(wanted: WantedInstance, all: Iterable<WantedInstance>): WantedDisk[] {
  const others = [...all].filter(each => each.id !== wanted.id && each.power !== 'purged')
  const taken = new Set(others.flatMap(each => each.disks.map(disk => disk.volume_id)))
  return wanted.disks.filter(disk => !taken.has(disk.volume_id))
}

/** Off for good, until somebody wants something else. */
export function isAtRest(wanted: WantedInstance, { power, stopped_by_guest }: InstanceReport): boolean {
  if (power === 'running' || power === 'paused') return false
  return wanted.power !== 'running' || stopped_by_guest || power === 'crashed'
}

/** What only this run of the agent remembers of an instance. */
interface Trouble {
  readonly wish: string
  readonly tries: number
  /** By the steady clock. */
  readonly not_before_ms: number
}

export async function createInstanceReconciler(options: InstanceReconcilerOptions): Promise<InstanceReconciler> {
  const { hypervisor, clock, log, instances, reporter, boot_id, lease } = options
  const folder = options.state.folder('done')
  const records = new Map<string, Done>()
  for (const [id, value] of await folder.read()) {
    const record = parseDone(value)
    if (record !== null) records.set(id, record)
    else log.error({ instance: id }, 'the record of what was done cannot be read; going by what the hypervisor has')
  }
  /** What had run since the machine started, in a former life of the agent: that it crashed meanwhile makes it nobody else's. */
  const ran_before = new Set([...records].flatMap(([id, done]) => (done.ran_in_boot === boot_id ? id : [])))
  const troubles = new Map<string, Trouble>()
  const pressed_ms = new Map<string, number>()
  const passes = new Map<string, { abort: AbortController; wish: string }>()
  const limitStarts = createLimiter(startsMax)
  const worker = createWorker(clock, pass)
  const watchdogs = createGuestWatchdogs({ hypervisor, clock, log, wakeAfter: worker.wakeAfter })

  const recordOf = (id: string): Done => records.get(id) ?? nothingDone
  /** What a pass under way is for: another one gives it up. */
  const wishOf = (id: string): string => {
    const { generation, migration } = instances.get(id) ?? {}
    return `${generation} ${migration?.id} ${migration?.step} ${migration?.never}`
  }

  const whyNot = ({ id, availability }: WantedInstance): string | null =>
    options.untold?.(id, ran_before.has(id)) ?? (availability === 'high' ? lease.whyNot(id) : null)

  async function note(id: string, done: Done): Promise<void> {
    if (records.get(id) === done) return
    await folder.write([{ name: id, value: done }])
    records.set(id, done)
  }

  function report(wanted: WantedInstance, domain: Domain | null, progress: InstanceReport['progress'] = null): void {
    const said = reportInstance({ wanted, done: recordOf(wanted.id), domain }, progress)
    const moved = moves.report(wanted)
    // While it is handed over it stands still for a moment. That is no news of what is in it, and to tell it would take time from that moment.
    const guest = (moved.power ?? said.power) === 'running' ? options.guestOf?.(wanted.id) : undefined
    const { agent: guest_agent = 'disconnected', addresses = [], os: guest_os = null } = guest ?? {}
    const guarded = wanted.availability === 'high' && { guarded_version: lease.guardedVersion(wanted.id) }
    const told = { ...said, ...moved, guest_agent, guest_os, guest_addresses: [...addresses] }
    reporter.set({ ...told, ...guarded })
    if (isAtRest(wanted, said)) options.wentOff?.(wanted.id)
  }

  const moves = await createMoves({
    ...options,
    doneOf: recordOf,
    noteDone: note,
    killedAt: lease.killedAt,
    wake: worker.wake,
    wakeAfter: worker.wakeAfter,
  })

  async function pass(id: string): Promise<void> {
    const abort = new AbortController()
    passes.set(id, { abort, wish: wishOf(id) })
    let domain: Domain | null = null
    try {
      for (let acts = 0; ; acts++) {
        const wanted = instances.get(id)
        if (wanted === undefined) return
        domain = await hypervisor.look(id)
        // It was forgotten meanwhile, or wanted otherwise: what was wanted before is done no more, the removal of its disks above all.
        if (instances.get(id) !== wanted) continue
        if (acts >= actsPerPassMax) throw new Failure('the agent goes in circles with this instance; see its log')
        if (!(await step(wanted, domain, abort.signal))) return
      }
    } catch (error) {
      if (abort.signal.aborted) return
      await failed(id, domain, error)
    } finally {
      passes.delete(id)
    }
  }

  /** One act; false when there is none to do now. */
  async function step(wanted: WantedInstance, domain: Domain | null, signal: AbortSignal): Promise<boolean> {
    const { id } = wanted
    const [now_ms, steady_ms] = [clock.now_ms(), clock.steady_ms()]
    const trouble = troubles.get(id)
    const held = trouble !== undefined && trouble.wish === wishOf(id) && steady_ms < trouble.not_before_ms
    const wait = () => {
      report(wanted, domain, reporter.get(id)?.progress ?? null)
      worker.wakeAfter(id, (trouble?.not_before_ms ?? steady_ms) - steady_ms)
      return false
    }
    if (held && wanted.migration !== undefined) return wait()
    const fired = await watchdogs.fired(wanted, domain)
    if (fired !== null) await note(id, { ...recordOf(id), watchdog: fired(recordOf(id).watchdog) })
    const show = (step: string, percent: number) => report(wanted, domain, { step, percent: Math.floor(percent) })
    // As in `pass`: asking the watchdog has taken its time, too.
    if (instances.get(id) !== wanted) return true
    const moved = await moves.step(wanted, domain, show, signal)
    if (moved === 'rest') {
      troubles.delete(id)
      report(wanted, domain)
    }
    if (moved !== 'usual') return moved === 'again'
    const at: Situation = { wanted, done: recordOf(id), domain, now_ms, boot_id, killed_at: lease.killedAt(id) }
    if (wentOffUnasked(at) && (await options.hostEnds?.()) === true) {
      log.info({ instance: id }, 'the guest goes off with its host; the next boot starts it')
      return false
    }
    const plan = planInstance(at)
    if (plan.refused !== null) throw new Failure(plan.refused)
    if (plan.done !== at.done) await note(id, plan.done)
    if (plan.act === null) {
      troubles.delete(id)
      report(wanted, domain)
      await options.machineState?.keep(wanted, domain !== null && domain.power !== 'off')
      if (plan.again_at_ms !== null) worker.wakeAfter(id, plan.again_at_ms - now_ms)
      return false
    }
    if (held) return wait()
    const why_not = mayRun.has(plan.act) ? whyNot(wanted) : null
    if (why_not !== null) {
      // The lease keeper wakes it, or the word that it waits for.
      report(wanted, domain, { step: why_not, percent: 0 })
      return false
    }
    if (plan.act === 'askShutdown') {
      report(wanted, domain, { step: 'waiting for the guest to shut down', percent: 0 })
      if (plan.again_at_ms !== null) worker.wakeAfter(id, plan.again_at_ms - now_ms)
      // Events may wake this pass in between, and a timer may be a moment early.
      if (steady_ms - (pressed_ms.get(id) ?? -Infinity) < 0.9 * pressAgain_ms) return false
      pressed_ms.set(id, steady_ms)
      await hypervisor.askShutdown(id)
      return false
    }
    log.debug({ instance: id, act: plan.act, generation: wanted.generation }, 'acting')
    await carryOut(plan.act, { ...at, done: plan.done }, signal)
    return true
  }

  async function carryOut(act: Exclude<Act, 'askShutdown'>, at: Situation, signal: AbortSignal): Promise<void> {
    const { wanted } = at
    const { id } = wanted
    switch (act) {
      case 'start':
        return start(at, signal)
      case 'resume':
        await hypervisor.resume(id)
        return note(id, { ...at.done, applied_generation: wanted.generation, failure: null })
      case 'grow':
        report(wanted, at.domain, { step: 'growing', percent: 0 })
        await hypervisor.grow(wanted)
        return note(id, { ...at.done, size: sizeOf(wanted), applied_generation: wanted.generation, failure: null })
      case 'cut':
        pressed_ms.delete(id)
        return hypervisor.cut(id)
      case 'undefine':
        return hypervisor.undefine(id)
      case 'purge':
        return purge(at)
      default:
        return act satisfies never
    }
  }

  /** What was made on this host and is to stay is kept in the record, and so told with every report from now on. */
  async function purge({ wanted, done }: Situation): Promise<void> {
    const disks = ownDisks(wanted, instances.values())
    const kept = disks.flatMap(disk => (disk.keep ? disk.volume_id : []))
    await options.storage.remove(disks.filter(disk => !disk.keep))
    await options.guestData.remove(wanted.id)
    await options.machineState?.remove(wanted.id, false)
    await hypervisor.forget(wanted.id)
    const present = kept.length > 0 ? await options.storage.present(kept) : []
    const here = kept.filter(id => present.includes(id) || done.disks.includes(id))
    await note(wanted.id, { ...done, purged: true, disks: here })
  }

  async function start(at: Situation, signal: AbortSignal): Promise<void> {
    const { wanted } = at
    const show = (step: string, percent: number) => report(wanted, null, { step, percent: Math.floor(percent) })
    show('preparing disks', 0)
    const made_before = wanted.disks.flatMap(disk => (disk.made ? disk.volume_id : []))
    const disks = await options.storage.prepare(wanted, show, signal, [...at.done.disks, ...made_before])
    const made = [...new Set([...at.done.disks, ...disks.map(disk => disk.wanted.volume_id)])]
    const done = made.length > at.done.disks.length ? { ...at.done, disks: made } : at.done
    await note(wanted.id, done)
    if (wanted.ports.length > 0) {
      show('waiting for the network', 0)
      await options.networkReady()
    }
    await limitStarts(async () => {
      signal.throwIfAborted()
      show('starting', 0)
      const config_drive = await options.guestData.prepare(wanted)
      await options.machineState?.prepare(wanted)
      await hypervisor.define({ instance: wanted, disks, config_drive, shared: options.sharedCpus?.() ?? null })
      const why_not = whyNot(wanted)
      if (why_not !== null) throw new Failure(`It could not be started: ${why_not}.`, { passing: true })
      await hypervisor.start(wanted.id)
    })
    pressed_ms.delete(wanted.id)
    await note(wanted.id, started({ ...at, done, now_ms: clock.now_ms() }))
  }

  async function failed(id: string, domain: Domain | null, error: unknown): Promise<void> {
    const wanted = instances.get(id)
    // Away: its return is an event that wakes every instance.
    if (wanted === undefined || error instanceof Away) return
    const last = troubles.get(id)
    const tries = last?.wish === wishOf(id) ? last.tries + 1 : 1
    const wait_ms = Math.min(retryMax_ms, retryFirst_ms * 2 ** Math.min(tries - 1, 20))
    troubles.set(id, { wish: wishOf(id), tries, not_before_ms: clock.steady_ms() + wait_ms })
    worker.wakeAfter(id, wait_ms)
    const text =
      error instanceof Failure ? error.message : 'The agent met an unexpected error; its log has the details.'
    log.error({ instance: id, error, tries, wait_ms }, 'an instance is not as wanted')
    if (error instanceof Failure && error.passing && tries < quietTries) {
      report(wanted, domain, { step: `trying again: ${text}`.slice(0, 100), percent: 0 })
      return
    }
    // What has run here has its disks here, whatever it lacks now.
    const refused = error instanceof Failure && error.elsewhere && recordOf(id).ran_in_boot === null
    const failure = { applied_generation: wanted.generation, failure: text.slice(0, 2000), refused }
    try {
      await note(id, { ...recordOf(id), ...failure })
    } catch (cause) {
      log.error({ instance: id, error: cause }, 'a failure cannot be kept on disk')
      records.set(id, { ...recordOf(id), ...failure })
    }
    report(wanted, domain)
  }

  return {
    wake: worker.wake,
    changed(id) {
      const pass = passes.get(id)
      // New metadata alone is read when it is needed.
      if (pass !== undefined && pass.wish !== wishOf(id)) {
        pass.abort.abort(new Error('something else is wanted now'))
      }
      worker.wake(id)
    },
    watchdogFired(id) {
      const wanted = instances.get(id)
      if (wanted === undefined || wanted.watchdog_action === 'none') return
      watchdogs.note(id)
      worker.wake(id)
    },
    survey(domains) {
      const byId = new Map(domains.map(domain => [domain.id, domain]))
      for (const wanted of instances.values()) {
        if (reporter.get(wanted.id) === undefined) report(wanted, byId.get(wanted.id) ?? null)
        worker.wake(wanted.id)
      }
    },
    hasCome: moves.hasCome,
    isGone: id => moves.isGone(id) || (instances.get(id)?.power === 'purged' && recordOf(id).purged),
    async forget(ids) {
      await folder.write(ids.map(name => ({ name, value: undefined })))
      await moves.forget(ids)
      for (const id of ids) {
        records.delete(id)
        troubles.delete(id)
        pressed_ms.delete(id)
        reporter.drop(id)
        options.wentOff?.(id)
      }
    },
    async stop() {
      for (const { abort } of passes.values()) abort.abort(new Error('the agent stops'))
      await worker.stop()
      await moves.stop()
    },
  }
}
