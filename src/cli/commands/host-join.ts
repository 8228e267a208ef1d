/** Joins this machine to a cloud as a host: packages, daemons, certificate, agent. Each step looks first. */
import { mkdir } from 'node:fs/promises'
import { hostname } from 'node:os'
import { joinHost, readAsked } from '../../agent/join.ts'
import { startAtBoot } from '../../host/boot.ts'
import { checkClusterAddress } from '../../host/cluster-address.ts'
import { hostServices, serviceManager } from '../../host/manager.ts'
import { agentService, agentState } from '../../host/services/agent.ts'
import { ovnController } from '../../host/services/ovn-controller.ts'
import { watchdogService } from '../../host/services/watchdog.ts'
import { keepSettings } from '../../host/settings.ts'
import { bringPackages, startAll } from '../../host/start.ts'
import { CommandFailed, UsageError } from '../failure.ts'
import type { Output } from '../output.ts'
import { configOf, type PlaceOptions } from './machine.ts'

export interface HostJoinOptions extends PlaceOptions {
  token?: string | undefined
  /** Of the cloud's certificate authority, base64url; without a token. */
  authority?: string
  name?: string
  clusterAddress?: string
  tunnelNic?: string
}

export async function joinThisMachine(
  { out }: { out: Pick<Output, 'json' | 'printJson' | 'note' | 'progress'> },
  controller_url: string,
  options: HostJoinOptions,
): Promise<void> {
  const ca_sha256 = pinned(options)
  const { token } = options
  const asked = { controller_url, ...(token !== undefined && { token }), ...(ca_sha256 && { ca_sha256 }) }
  // Before anything is installed for what cannot be.
  readAsked(asked)
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
  await checkClusterAddress(config)
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
  const identity = await progress.step('Join', show =>
    joinHost({
      ...asked,
      state_dir,
      name,
      waiting({ code, why }) {
        out.note(
          `\n${why}\n\n  The code of this machine:  ${code}\n\nCompare it with the one shown there. This command goes on by itself.`,
        )
        show(`waits for approval, code ${code}`)
      },
      trouble: (error, again_ms) => show(`${error.message}; again in ${Math.round(again_ms / 1000)} s`),
    }),
  )
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

/** Whom this machine trusts to be its cloud must be said: whoever answers will be root here. */
function pinned({ token, authority }: HostJoinOptions): Buffer | undefined {
  if (token !== undefined) return undefined
  if (authority === undefined)
    throw new UsageError(
      'Without a token, say which cloud it is to be: --authority FINGERPRINT, as `croft host joining` or the web UI shows it under Hosts, Add a host.',
    )
  const sha256 = Buffer.from(authority, 'base64url')
  if (!/^[A-Za-z0-9_-]{43}$/.test(authority) || sha256.length !== 32)
    throw new UsageError('--authority takes a fingerprint of 43 characters, as `croft host joining` shows it.')
  return sha256
}
