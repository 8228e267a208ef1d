/**
 * Starts what this machine already is, from its own state on disk: the controller, a host of a cloud, or both. Needs no
 * token, no network and no person, so that it can be run at a boot. Also what `up`, `host join` and `start` share.
 * Not its job: making a machine anything (up.ts, cli/commands/host-join.ts).
 */
import { existsSync } from 'node:fs'
import path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { readIdentity } from '../agent/identity.ts'
import type { Config } from '../config.ts'
import { HostError } from './error.ts'
import { hostServices, serviceManager } from './manager.ts'
import { installPackages, missingPackages, packagesFor, type Role, systemdRuns } from './packages.ts'
import type { ServiceManager } from './service.ts'
import { agentService, agentState } from './services/agent.ts'
import { controllerService, controllerState } from './services/controller.ts'
import type { Definition } from './services/definition.ts'
import { ovnCentral } from './services/ovn-central.ts'
import { ovnController } from './services/ovn-controller.ts'
import { watchdogService } from './services/watchdog.ts'
import { postgresService } from './services/postgres.ts'
import { keepSettings } from './settings.ts'
import type { Show, Step } from './step.ts'

/** Installs what is missing for these roles; gives how many packages that were. */
export async function bringPackages(roles: readonly Role[], show: Show): Promise<number> {
  const missing = await missingPackages(packagesFor(roles, systemdRuns(), process.arch))
  await installPackages(missing, (percent, text) => show(text, percent))
  return missing.length
}

/** One after the other, each once the one before is ready. What runs already is left alone. */
export async function startAll(manager: ServiceManager, definitions: readonly Definition[], show: Show): Promise<void> {
  for (const definition of definitions) {
    const { service } = definition
    show(service.description)
    const running = (await manager.status()).some(({ name, state }) => name === service.name && state === 'running')
    // What runs has its files open: they are not touched behind its back.
    if (!running) await definition.prepare()
    await manager.start(service)
  }
}

/** What a machine is to Croft, as its disk tells. */
export type MachineRoles = {
  /** A controller was brought up here. */
  controller: boolean
  /** The name under which it joined a cloud as a host; undefined if it did not. */
  host: string | undefined
}

export async function machineRoles(config: Pick<Config, 'state_dir'>): Promise<MachineRoles> {
  const identity = await readIdentity(agentState(config))
  return { controller: existsSync(path.join(controllerState(config), 'ca.pem')), host: identity?.name }
}

/** Gives what the machine is. Throws HostError when it is nothing yet, and when a service does not start. */
export async function start(config: Config, step: Step): Promise<MachineRoles> {
  if (process.geteuid?.() !== 0)
    throw new HostError('croft start starts services of the machine: root only', 'sudo ./croft start')
  const roles = await machineRoles(config)
  if (!roles.controller && roles.host === undefined)
    throw new HostError(
      `this machine is neither a controller nor a host yet (nothing in ${config.state_dir})`,
      'croft up makes a cloud of it; croft host join makes it a host of another one (croft host invite gives the command)',
    )
  await keepSettings(config, {})
  const manager = serviceManager(config)
  const begin = (title: string, definitions: readonly Definition[]) =>
    step(title, show => startAll(manager, definitions, show))
  if (roles.controller && config.database_url === undefined) await begin('PostgreSQL', [postgresService(config)])
  if (roles.controller && config.ovn_central === undefined) await begin('Networks (OVN)', ovnCentral())
  if (roles.host !== undefined) await begin('Host (Open vSwitch, libvirt)', hostServices(config))
  // The agent first: it brings guests back by itself, also where a database elsewhere does not answer yet.
  if (roles.host !== undefined) await begin('Agent', [watchdogService(config), agentService(config), ovnController()])
  if (roles.controller) await begin('Controller', [await controllerService(config)])
  return roles
}

const retry_pauses_ms = [2_000, 5_000, 10_000, 30_000]

export type Persistence = {
  /** Told of each failure. */
  tell: (error: Error, pause_ms: number) => void
  /** Asked before each further try: no, once somebody wants this machine to be down. */
  stillWanted: () => boolean
}

/** As `start`, again and again until it succeeds: at a boot nobody is there to do it. */
export async function startPersistently(config: Config, step: Step, { tell, stillWanted }: Persistence): Promise<void> {
  for (let tried = 0; ; tried++) {
    try {
      await start(config, step)
      return
    } catch (error) {
      const { controller, host } = await machineRoles(config)
      // That this machine is nothing yet does not change by waiting.
      if (!(error instanceof Error) || (!controller && host === undefined)) throw error
      const pause_ms = retry_pauses_ms[Math.min(tried, retry_pauses_ms.length - 1)] ?? 0
      tell(error, pause_ms)
      await delay(pause_ms)
      if (!stillWanted()) return
    }
  }
}
