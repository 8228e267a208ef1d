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

/** From now on the host is one whose init system is sysvinit: package sysv-rc brings this file. */
export async function haveSysvinit(host: Host): Promise<void> {
  await host.must(['touch', '/etc/init.d/rc'])
}

/** What sysvinit does at a boot into runlevel 2: all start scripts in their order, here those of Croft. */
export async function bootSysvinit(host: Host): Promise<void> {
  await host.must(['sh', '-c', 'for script in /etc/rc2.d/S??croft; do "$script" start; done'])
}

/**
 * Starts what a boot starts on the controller's machine, by the product's own definitions, all but controller and database:
 * as when these do not come back.
 */
export async function bootWithoutController(host: Host): Promise<void> {
  const script = `
    import { loadConfig } from './src/config.ts'
    import { hostServices, serviceManager } from './src/host/manager.ts'
    import { agentService } from './src/host/services/agent.ts'
    import { watchdogService } from './src/host/services/watchdog.ts'
    import { ovnCentral } from './src/host/services/ovn-central.ts'
    import { ovnController } from './src/host/services/ovn-controller.ts'
    const config = loadConfig()
    const manager = serviceManager(config)
    for (const each of [...ovnCentral(), ...hostServices(config), watchdogService(config), agentService(config), ovnController()]) {
      await each.prepare()
      await manager.start(each.service)
    }`
  await host.must(['sh', 'scripts/node.sh', '--input-type=module', '-e', script])
}
