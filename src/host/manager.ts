/** Who runs services on this machine: systemd where it runs, Croft's own supervisor elsewhere. */
import type { Config } from '../config.ts'
import { systemdRuns } from './packages.ts'
import { service, type ServiceManager } from './service.ts'
import { agentService, agentState } from './services/agent.ts'
import type { Definition } from './services/definition.ts'
import { libvirt } from './services/libvirt.ts'
import { openVswitch } from './services/openvswitch.ts'
import { ovnCentral } from './services/ovn-central.ts'
import { ovnController } from './services/ovn-controller.ts'
import { watchdogService } from './services/watchdog.ts'
import { postgresService } from './services/postgres.ts'
import { type SupervisorClient, supervisorClient } from './supervisor-client.ts'
import { systemdManager } from './systemd.ts'

export function serviceManager(config: Config): ServiceManager | SupervisorClient {
  if (!systemdRuns()) return supervisorClient({ run_dir: config.run_dir, log_dir: config.log_dir })
  const folders = [config.state_dir, config.run_dir, config.log_dir]
  return systemdManager({
    known: knownServices(config),
    // The agent makes namespaces, bridges and mounts, and PostgreSQL its user namespace.
    confine: ({ name }) => ({ run_dir: config.run_dir, ...(name === 'croft-controller' && { writes: folders }) }),
  })
}

export const hostServices = (config: Pick<Config, 'state_dir' | 'virtualisation'>): Definition[] => [
  ...openVswitch(),
  ...libvirt({
    config_dir: `${config.state_dir}/libvirt`,
    pool_dir: `${agentState(config)}/pool`,
    systemd: systemdRuns(),
    ...(config.virtualisation === 'auto' ? {} : { kvm: config.virtualisation === 'kvm' }),
  }),
]

/** All that `up` may have started, in the order in which it does. */
export function knownServices(config: Config) {
  const controller = service({ name: 'croft-controller', description: "Croft's controller", argv: [] })
  const before = [postgresService(config), ...ovnCentral(), ...hostServices(config)]
  const after = [watchdogService(config), agentService(config), ovnController()]
  return [...before.map(({ service }) => service), controller, ...after.map(({ service }) => service)]
}
