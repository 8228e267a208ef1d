/** Joins this machine to a cloud as a host: packages, daemons, certificate, agent. Each step looks first. */
import { mkdir } from 'node:fs/promises'
import { hostname } from 'node:os'
import { joinHost } from '../../agent/join.ts'
import { startAtBoot } from '../../host/boot.ts'
import { hostServices, serviceManager } from '../../host/manager.ts'
import { agentService, agentState } from '../../host/services/agent.ts'
import { ovnController } from '../../host/services/ovn-controller.ts'
import { watchdogService } from '../../host/services/watchdog.ts'
import { keepSettings } from '../../host/settings.ts'
import { bringPackages, startAll } from '../../host/start.ts'
import type { Context } from '../context.ts'
import { CommandFailed } from '../failure.ts'
import { configOf, type PlaceOptions } from './machine.ts'

export interface HostJoinOptions extends PlaceOptions {
  name?: string
  clusterAddress?: string
  tunnelNic?: string
}

export async function joinThisMachine(
  context: Context,
  controller_url: string,
  token: string,
  options: HostJoinOptions,
): Promise<void> {
  if (process.geteuid?.() !== 0)
    throw new CommandFailed(
      'failed',
      'Joining prepares the whole machine and must be done by root.',
      'sudo ./croft host join …',
    )
  const said = {
    ...(options.clusterAddress !== undefined && { cluster_address: options.clusterAddress }),
    ...(options.tunnelNic !== undefined && { tunnel_nic: options.tunnelNic }),
  }
  const config = configOf(options, said)
  const { out } = context
  const progress = out.progress()
  const manager = serviceManager(config)
  await progress.step(
    'Packages',
    show => bringPackages(['host'], show),
    count => (count === 0 ? 'all there' : `${count} installed`),
  )
  await keepSettings(config, said)
  await mkdir(agentState(config), { recursive: true, mode: 0o711 })
  await progress.step('Host (Open vSwitch, libvirt)', show => startAll(manager, hostServices(config), show))
  const state_dir = agentState(config)
  const name = options.name ?? hostname()
  const identity = await progress.step('Join', () => joinHost({ controller_url, token, state_dir, name }))
  await progress.step('Agent', show =>
    startAll(manager, [watchdogService(config), agentService(config), ovnController()], show),
  )
  await progress.step(
    'Start at boot',
    () => startAtBoot(config),
    how => how,
  )
  if (out.json) out.printJson({ host_id: identity.host_id, name: identity.name })
  else out.note(`This machine is the host ${identity.name} now.`)
}
