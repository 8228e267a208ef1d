/**
 * A controller put together: from the parts that come from outside to a running Cloud with its loops. main.ts gives it the
 * real world, the simulation its own.
 */
import type { Logger } from 'pino'
import type { Clock } from '../lib/clock.ts'
import { AgentCalls } from './agents/calls.ts'
import type { WantedHostRules } from './agents/session.ts'
import { AgentSessions } from './agents/sessions.ts'
import { AgentStreams } from './agents/streams.ts'
import { EventHub } from './app/event-hub.ts'
import { HostBoard } from './app/host-board.ts'
import { MetricHub } from './app/metric-hub.ts'
import { PluginShelf } from './app/plugin.ts'
import { SchedulerModules } from './app/scheduler-modules.ts'
import { Settings } from './app/settings-in-force.ts'
import { bootstrap } from './bootstrap.ts'
import type { Fencing } from './fencing/fence.ts'
import { realFencing } from './fencing/index.ts'
import { type Cloud, type ControllerIdentity, type ImageStore, makeId, type Random, type Sealer } from './cloud.ts'
import { sealAudit } from './reconcilers/audit-seal.ts'
import { Availability } from './reconcilers/availability.ts'
import { balanceLoop } from './reconcilers/balance.ts'
import { cpuBaselineLoop } from './reconcilers/cpu-baseline.ts'
import { cleanUp } from './reconcilers/cleanup.ts'
import {
  endUnrenewed,
  keepLease,
  lease_pass_ms,
  mustBeAlone,
  renewLease,
  SameController,
  type SeenLeases,
  takeLease,
  writeOffGone,
} from './reconcilers/controllers.ts'
import { imageLoops } from './reconcilers/image.ts'
import { Loop } from './reconcilers/loop.ts'
import { maintenanceLoop } from './reconcilers/maintenance.ts'
import { metricLoop } from './reconcilers/metrics.ts'
import { migrationLoop } from './reconcilers/migration.ts'
import { purge } from './reconcilers/purge.ts'
import { refusedLoop } from './reconcilers/refused.ts'
import { restoredLoop } from './reconcilers/restored.ts'
import { controller } from './store/controller.ts'
import { channels, type Database } from './store/database.ts'
import { migrate } from './store/migrate.ts'

export interface ControllerParts {
  self: ControllerIdentity
  database: Database
  clock: Clock
  random: Random
  log: Logger
  sealer: Sealer
  images: ImageStore
  wanted_of_hosts: WantedHostRules
  allow_private_downloads?: boolean
  /** Cuts hosts' power; without it by IPMI and Redfish. */
  fencing?: Fencing
  /** Folder of the web UI's plug-ins; without it there are none. */
  plugins_folder?: string
  /** Folder of the operator's own modules of the scheduler; without it there are none. */
  scheduler_folder?: string
  /** Loops besides those that every controller runs; closed with it. */
  loops?(cloud: Cloud): Loop[]
}

export interface RunningController {
  cloud: Cloud
  /** The administrator's password, when this start made the account. */
  admin_password: string | null
  close(): Promise<void>
  /** Once another controller works under the id of this one: it is to end. */
  readonly doubled: Promise<SameController>
}

const purge_every_ms = 60_000
const seal_every_ms = 5_000
const clean_up_every_ms = 600_000

/** Migrates, bootstraps and starts everything but the listening sockets. */
export async function startController(parts: ControllerParts): Promise<RunningController> {
  const { database, clock, log } = parts
  const self = { ...parts.self, run: makeId<never>(parts) as string }
  await migrate(database.db, {
    clock,
    onBusy: (error, attempt) =>
      log.warn({ err: error, attempt }, 'the database is not migrated yet: others lock its tables'),
  })
  const settings = new Settings(database)
  const { random, sealer } = parts
  const calls = new AgentCalls({ controller_id: self.id, database, clock, random, sealer, log })
  const interval_s = (host_id: string) => settings.at('metrics.interval_s', { host_id })
  const metrics = new MetricHub({ controller_id: self.id, database, clock, log, interval_s })
  const cloud: Cloud = {
    self,
    database,
    clock,
    random,
    log,
    settings,
    events: new EventHub({ database, clock, log }),
    metrics,
    hosts: new HostBoard({ database, clock, onError: error => log.warn({ err: error }, 'hosts could not be read') }),
    modules: new SchedulerModules({
      controller: self.name,
      folder: parts.scheduler_folder ?? null,
      settings,
      database,
      clock,
      log,
    }),
    agents: new AgentSessions({
      self,
      database,
      clock,
      log,
      calls,
      metrics,
      rules: {
        host: parts.wanted_of_hosts,
        learn: (db, host_ids) => settings.learn(db, host_ids),
        metricsInterval: interval_s,
        stopTimeout: project_id => settings.at('instance.stop_timeout_s', { project_id }),
        reservedMemory: host_id => settings.at('host.reserved_memory_mib', { host_id }),
      },
    }),
    calls,
    streams: new AgentStreams({ calls, clock, random, agent_url: self.agent_url }),
    sealer,
    images: parts.images,
    fencing: parts.fencing ?? realFencing(clock),
    plugins: new PluginShelf({ folder: parts.plugins_folder ?? null, database, clock, log }),
    allow_private_downloads: parts.allow_private_downloads ?? false,
  }
  await settings.start(error => log.warn({ err: error }, 'settings could not be read'))
  const { admin_password } = await bootstrap(cloud)
  await mustBeAlone(cloud)
  await cloud.agents.writeOffFormer(await takeLease(cloud))
  await keepLease(cloud)
  const loops = startLoops(cloud, parts)
  await cloud.events.start()
  metrics.start()
  cloud.hosts.start()
  cloud.agents.start()
  // Some of them are told to hosts.
  settings.changed = () => cloud.agents.wake(null)
  calls.start()
  await cloud.plugins.start()
  return { cloud, admin_password, doubled: loops.doubled, close: () => stop(cloud, loops) }
}

interface Loops {
  all: Loop[]
  availability: Availability
  stop_listening: () => void
  doubled: Promise<SameController>
}

function startLoops(cloud: Cloud, parts: ControllerParts): Loops {
  const { clock, log, database } = cloud
  const doubled = Promise.withResolvers<SameController>()
  const seen: SeenLeases = new Map()
  // Once after each renewal, and beside it: who locks a host must not keep the lease from being renewed.
  let to_write_off: Awaited<ReturnType<typeof renewLease>> = null
  const gone = new Loop({
    name: 'writing off links',
    clock,
    log,
    every_ms: lease_pass_ms,
    pass: async () => {
      const links = to_write_off
      to_write_off = null
      if (links) await writeOffGone(cloud, links)
      return false
    },
  })
  const lease = new Loop({
    name: 'the controllers’ lease',
    clock,
    log,
    every_ms: lease_pass_ms,
    pass: async signal => {
      const links = await renewLease(cloud, signal).catch((error: unknown) => {
        if (error instanceof SameController) doubled.resolve(error)
        throw error
      })
      if (links) {
        to_write_off = links
        gone.wake()
      }
      // After its own: nothing of others' may keep it from that.
      await endUnrenewed(cloud, seen)
      return links === null
    },
  })
  const purging = new Loop({ name: 'purging', clock, log, every_ms: purge_every_ms, pass: () => purge(cloud) })
  const sealing = new Loop({
    name: 'sealing the audit log',
    clock,
    log,
    every_ms: seal_every_ms,
    pass: () => sealAudit(cloud),
  })
  const cleaning = new Loop({
    name: 'cleaning up',
    clock,
    log,
    every_ms: clean_up_every_ms,
    pass: () => cleanUp(cloud),
  })
  const woken = [
    purging,
    sealing,
    refusedLoop(cloud),
    restoredLoop(cloud),
    migrationLoop(cloud),
    cpuBaselineLoop(cloud),
    maintenanceLoop(cloud),
    ...imageLoops(cloud),
    ...(parts.loops?.(cloud) ?? []),
  ]
  const availability = new Availability(cloud)
  const all = [lease, gone, cleaning, balanceLoop(cloud), availability.start(), metricLoop(cloud), ...woken]
  for (const loop of all) loop.wake()
  const stop_listening = database.listen(channels.work, () => {
    for (const loop of woken) loop.wake()
  })
  return { all, availability, stop_listening, doubled: doubled.promise }
}

async function stop(cloud: Cloud, loops: Loops): Promise<void> {
  loops.stop_listening()
  await Promise.all(loops.all.map(loop => loop.close()))
  await loops.availability.close()
  cloud.plugins.close()
  await cloud.agents.close()
  await cloud.metrics.close()
  cloud.calls.close()
  await cloud.events.close()
  cloud.hosts.close()
  cloud.modules.close()
  cloud.settings.close()
  await controller.remove(cloud.database.db, cloud.self)
  await cloud.database.close()
}
