/**
 * Has one of Croft's own programs on this machine begin anew, as it is on disk now: how a new version is taken, one machine after the
 * other. Not its job: bringing the version, and what Debian brings (libvirt, Open vSwitch, OVN).
 */
import type { Config } from '../config.ts'
import { HostError } from './error.ts'
import type { ServiceManager } from './service.ts'
import { agentService } from './services/agent.ts'
import { controllerService } from './services/controller.ts'
import { machineRoles } from './start.ts'
import type { Step } from './step.ts'
import { buildUi } from './up/ui.ts'

export const restartable = ['controller', 'agent'] as const
export type Restartable = (typeof restartable)[number]

/** Resolves when it can be used again. Throws HostError where it is not of this machine, and with what it said when it does not start. */
export async function restart(
  config: Config,
  which: Restartable,
  { manager, step }: { manager: ServiceManager; step: Step },
): Promise<void> {
  const { controller, host } = await machineRoles(config)
  if (which === 'controller' ? !controller : host === undefined)
    throw new HostError(
      `this machine is no ${which === 'controller' ? 'controller' : 'host'} (by what is in ${config.state_dir})`,
      'croft start starts what it is.',
    )
  const definition = which === 'controller' ? await controllerService(config) : agentService(config)
  if (which === 'controller') await step('Web UI', buildUi, said => said)
  await step(which === 'controller' ? 'Controller' : 'Agent', async show => {
    const { service } = definition
    show(service.description)
    await definition.prepare()
    const runsAs = async () =>
      (await manager.status()).find(({ name, state }) => name === service.name && state !== 'stopped')
    const was = await runsAs()
    // In one act of who runs it: whoever is cut off here, as with a terminal that closes, leaves it neither stopped nor forgotten. One that
    // does not start so may do when it is run as it is to be now; that says what is wrong with it otherwise. One that still runs as before
    // has not been restarted.
    if (was !== undefined)
      await manager.restart(service.name).catch(async (error: unknown) => {
        if (was.pid !== null && (await runsAs())?.pid === was.pid) throw error
      })
    await manager.start(service)
  })
}
