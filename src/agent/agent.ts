/**
 * The agent: puts the link, what is wanted, the reconcilers and the reports together over its ports. The real one (main.ts) and
 * each simulated host run exactly this; only the ports differ.
 */
import type { Clock } from '../lib/clock.ts'
import type { HardwareId } from '../model/hardware-id.ts'
import type { HostFacts } from '../protocol/host-facts.ts'
import { type AgentFrame, type ControllerFrame, newerCalls, protocolVersion } from '../protocol/messages.ts'
import { createCalls } from './calls.ts'
import { createForeignWatch } from './foreign-watch.ts'
import { createGuestWatch } from './guests.ts'
import { saidOf } from './hardware.ts'
import { holdsOf, inBatches } from './holds.ts'
import { createLink } from './link.ts'
import type {
  Arrivals,
  FactSource,
  GuestData,
  Hypervisor,
  LinkDialler,
  Log,
  MachineState,
  Mover,
  Network,
  Random,
  SampleSource,
  State,
  Storage,
  Watchdog,
} from './ports.ts'
import { createLeaseKeeper } from './lease.ts'
import { createNaming } from './naming.ts'
import { Away } from './ports.ts'
import { type Probe, probeByTcp } from './probe.ts'
import { createInstanceReconciler, isAtRest } from './reconcilers/instance.ts'
import { createNetworkReconciler } from './reconcilers/network.ts'
import { createSharedCpus, type HostCpus } from './reconcilers/shared-cpus.ts'
import { createVolumeRemoval } from './reconcilers/volume-removal.ts'
import { createWorker } from './reconcilers/worker.ts'
import { createReporter } from './reporter.ts'
import { createSampler } from './sampler.ts'
import { loadWantedSet, type WantedFrame, type WantedSet } from './wanted-set.ts'

export * from './ports.ts'
export type { WantedSet } from './wanted-set.ts'

/** Room on disks changes without an event: facts are read again this often, and sent when they differ. */
const factsEvery_ms = 60_000
const surveyAgain_ms = 5000

export interface AgentOptions {
  readonly hypervisor: Hypervisor
  readonly storage: Storage
  readonly guestData: GuestData
  readonly network: Network
  /** Without both, instances neither come from other hosts nor go there. */
  readonly machineState?: MachineState
  readonly mover?: Mover
  readonly arrivals?: Arrivals
  readonly state: State
  readonly link: LinkDialler
  readonly facts: FactSource
  /** Without it nothing is measured. */
  readonly samples?: SampleSource
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  /** Kernel's boot id (or the simulation's): tells a power cut from a restart of the agent. */
  readonly boot_id: string
  /** Without it no highly available guest is started here. */
  readonly watchdog?: Watchdog
  /** How it finds out whether another machine lives; by TCP where nothing else is given. */
  readonly probe?: Probe
  /** Whether the host is being shut down. */
  readonly hostEnds?: () => Promise<boolean>
  /** By what this machine is known; nothing where it says nothing. */
  readonly hardware?: HardwareId
  /** What is on its disk may be of other times: no guest is started before a controller has named it on a link. */
  readonly waits_for_word?: boolean
  /** Called once a controller has named all that is on disk: the next life of the agent need not wait for word. */
  readonly allNamed?: () => Promise<void>
  /** Without it no guest is kept off CPUs that are another's own. */
  readonly cpus?: HostCpus
}

export interface Agent {
  /** What is wanted now: the metadata service looks its guests up here. */
  readonly wanted: WantedSet
  readonly connected: boolean
  /** Something outside undid a part of the networks: look again now. */
  wakeNetwork(): void
  /** Something outside undid a part of an instance's move: look again now. */
  wakeInstance(id: string): void
  stop(): Promise<void>
}

/** Starts at once, controller or not: what is wanted on disk is brought about first. */
export async function createAgent(options: AgentOptions): Promise<Agent> {
  const { hypervisor, clock, log, state } = options
  const wanted = await loadWantedSet(state, log)
  const reporter = await createReporter(clock, state.folder('agent'), log)
  const { instances } = wanted
  const network = createNetworkReconciler({ network: options.network, wanted, clock, log })
  const guests = createGuestWatch({ hypervisor, clock, log, instances, changed: id => instance.wake(id) })
  const isOff = (id: string) => {
    const [wanted, said] = [instances.get(id), reporter.get(id)]
    return wanted === undefined || (said !== undefined && isAtRest(wanted, said))
  }
  const { probe = probeByTcp } = options
  const calls = createCalls({ hypervisor, dialler: options.link, instances, isOff, probe, log })
  const { of: guestOf } = guests
  const shared_disks = (await options.storage.isShared?.()) === true
  const waits = options.waits_for_word === true
  const naming = createNaming({ ...options, instances, waits, shared: shared_disks })
  const lease = createLeaseKeeper({
    watchdog: options.watchdog,
    clock,
    log,
    instances,
    changed: ids => {
      for (const id of ids) instance.wake(id)
    },
  })
  const reconciling = {
    ...options,
    instances,
    reporter,
    guestOf,
    lease,
    cameHere: guests.look,
    wentOff: calls.wentOff,
    networkReady: network.ready,
    untold: naming.whyNot,
  }
  const shared = createSharedCpus({
    ...options,
    instances,
    cpus: options.cpus ?? null,
    runs: id => reporter.get(id)?.power === 'running',
  })
  const instance = await createInstanceReconciler({ ...reconciling, sharedCpus: shared.now })
  const foreign = createForeignWatch(frame => link.send(frame))
  const volumes = createVolumeRemoval({ ...options, instances, send: frame => link.send(frame) })
  const sampler = createSampler({
    ...options,
    wanted,
    connected: () => link.connected,
    send: frame => link.send(frame),
  })
  /** Guests that changed during their move. */
  const unasked = new Set<string>()
  let facts: HostFacts | null = null
  let stopped = false

  const link = createLink({
    dialler: options.link,
    clock,
    random: options.random,
    log,
    async hello() {
      facts ??= await options.facts.read()
      const { heard_as_of } = wanted
      return {
        type: 'hello',
        protocol: protocolVersion,
        facts,
        holds: holdsOf(instances.values(), instance.hasCome),
        heard_as_of,
        knows_calls: [...newerCalls],
        knows_unchanged: true,
        keeps_leases: options.watchdog !== undefined,
        asks_first: options.storage.isShared !== undefined,
        ...saidOf(options.hardware ?? {}),
      }
    },
    async welcomed(welcome, send) {
      await options.link.learn?.(welcome.link_urls ?? [])
      const shown = (welcome.show ?? []).flatMap(id => instances.get(id) ?? [])
      for (const batch of inBatches(shown)) send({ type: 'held', instances: batch })
      foreign.again(send)
      await reporter.begin(send, welcome.last_report, instances.keys())
    },
    async frame(frame, send) {
      if (frame.type === 'wanted') await takeWanted(frame)
      else answerCall(frame, send)
    },
    pong: (sent_ms, lease_ms) => lease.granted(sent_ms, lease_ms),
    needsLease: () => lease.needed(),
    lost() {
      lease.lost()
      reporter.end()
    },
  })

  async function takeWanted(frame: WantedFrame): Promise<void> {
    const change = await wanted.take(frame, instance.isGone)
    if (change.forgotten.length > 0) await instance.forget(change.forgotten)
    await lease.wantedChanged()
    link.wantedChanged()
    lease.confirmed(change.confirmed, frame.whole)
    if (change.network) network.wake()
    if (change.network) sampler.changed()
    const fresh = naming.heard(change.confirmed, frame.whole)
    for (const id of change.instances) instance.changed(id)
    for (const id of fresh) instance.wake(id)
    for (const id of unasked) if (instances.get(id)?.migration === undefined) askAfterAll(id)
    shared.wake()
    volumes.remove(frame.remove_volumes ?? [])
    await naming.settle()
  }

  function askAfterAll(id: string): void {
    unasked.delete(id)
    guests.domainChanged(id)
  }

  function answerCall(frame: Extract<ControllerFrame, { type: 'call' }>, send: (frame: AgentFrame) => void): void {
    calls.answer(frame.params).then(
      result => send({ type: 'answer', call: frame.call, result }),
      error => {
        log.warn({ error, call: frame.params.method }, 'a call could not be carried out')
        send({ type: 'answer', call: frame.call, error: error instanceof Error ? error.message : String(error) })
      },
    )
  }

  /** 'all' wakes every instance too: at start, and whenever the hypervisor is back. 'foreign' only sees who else is there. */
  const surveys = createWorker(clock, async scope => {
    try {
      const domains = await hypervisor.list()
      if (scope === 'all') {
        instance.survey(domains)
        for (const { id, ours } of domains) if (ours) guests.look(id)
        shared.wake()
        void refreshFacts()
      }
      foreign.see(domains)
    } catch (error) {
      // Its return is an event that surveys again.
      if (error instanceof Away) return
      log.error({ error }, 'the domains of this host cannot be listed')
      surveys.wakeAfter(scope, surveyAgain_ms)
    }
  })

  async function refreshFacts(): Promise<void> {
    try {
      const next = await options.facts.read()
      const changed = facts !== null && JSON.stringify(facts) !== JSON.stringify(next)
      facts = next
      if (changed) link.send({ type: 'facts', facts: next })
    } catch (error) {
      log.warn({ error }, "the host's facts cannot be read")
    }
  }

  function refreshFactsLater(): void {
    clock.after(factsEvery_ms, () => {
      if (!stopped) void refreshFacts().then(refreshFactsLater)
    })
  }

  hypervisor.subscribe(event => {
    if (stopped) return
    if (event.kind === 'connected') surveys.wake('all')
    else if (event.kind === 'lost') log.warn({}, 'the hypervisor does not answer; waiting for it')
    else if (event.kind === 'guest') guests.look(event.id)
    else if (event.kind === 'watchdog') instance.watchdogFired(event.id)
    else if (instances.has(event.id)) {
      instance.wake(event.id)
      // One that is being sent changes by that: it stands still, and is not to be asked before its move has ended.
      if (instances.get(event.id)?.migration === undefined) guests.domainChanged(event.id)
      else unasked.add(event.id)
    } else surveys.wake('foreign')
  })
  network.wake()
  sampler.changed()
  link.start()
  refreshFactsLater()
  surveys.wake('all')

  return {
    wanted,
    get connected() {
      return link.connected
    },
    wakeNetwork: () => network.wake(),
    wakeInstance: id => instance.wake(id),
    async stop() {
      stopped = true
      link.stop()
      calls.stop()
      guests.stop()
      lease.stop()
      sampler.stop()
      await Promise.all([surveys.stop(), instance.stop(), volumes.stop(), network.stop(), shared.stop()])
    },
  }
}
