/** The services that Croft's supervisor keeps on a test host: who they are, and ways to kill them. */
import assert from 'node:assert/strict'
import type { Host } from './host.ts'

const folder = '/run/croft/services'

/** Process id of each service, as the host counts them. */
export async function servicePids(host: Host): Promise<ReadonlyMap<string, number>> {
  const names = (await host.must(['ls', folder])).trim().split('\n')
  const kept = await Promise.all(
    names.map(async name => {
      const { service, process } = JSON.parse(await host.must(['cat', `${folder}/${name}`])) as {
        service: { name: string }
        process: { pid: number } | null
      }
      return [service.name, process?.pid ?? 0] as const
    }),
  )
  return new Map(kept)
}

/** SIGKILL; nobody is asked and nothing is tidied up. */
export async function killService(host: Host, name: string): Promise<void> {
  const pid = (await servicePids(host)).get(name)
  assert(pid, `${name} does not run`)
  await host.must(['kill', '-9', String(pid)])
}

export async function killSupervisor(host: Host): Promise<void> {
  await host.must(['kill', '-9', (await host.must(['cat', '/run/croft/supervisor.pid'])).trim()])
}

/**
 * Starts what a boot starts on a host, by the product's own definitions, all but controller and database: as on a host whose
 * controller is elsewhere, or does not come back. `central`: with OVN's databases, which are on the controller's machine.
 */
export async function bootWithoutController(host: Host, central: 'central' | 'host only'): Promise<void> {
  const script = `
    import { loadConfig } from './src/config.ts'
    import { hostServices, serviceManager } from './src/host/manager.ts'
    import { agentService } from './src/host/services/agent.ts'
    import { ovnCentral } from './src/host/services/ovn-central.ts'
    import { ovnController } from './src/host/services/ovn-controller.ts'
    const config = loadConfig()
    const manager = serviceManager(config)
    const before = ${JSON.stringify(central)} === 'central' ? ovnCentral() : []
    for (const each of [...before, ...hostServices(config), agentService(config), ovnController()]) {
      await each.prepare()
      await manager.start(each.service)
    }`
  await host.must(['sh', 'scripts/node.sh', '--input-type=module', '-e', script])
}
