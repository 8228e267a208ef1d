/** The agent as a service. */
import path from 'node:path'
import type { Config } from '../../config.ts'
import { service } from '../service.ts'
import type { Definition } from './definition.ts'
import { node_env, nodeArgv } from './node.ts'

export const agentState = (config: Pick<Config, 'state_dir'>) => path.join(config.state_dir, 'agent')

export function agentService(
  config: Pick<Config, 'state_dir' | 'run_dir' | 'cluster_address' | 'tunnel_nic'>,
): Definition {
  const place = ['--state', agentState(config), '--run', path.join(config.run_dir, 'agent')]
  const tunnel = ['--tunnel-address', config.cluster_address ?? '127.0.0.1']
  const nic = config.tunnel_nic === undefined ? [] : ['--tunnel-nic', config.tunnel_nic]
  return {
    service: service({
      name: 'croft-agent',
      description: "Croft's agent on this host",
      argv: nodeArgv('few', 'src/agent/main.ts', ...place, ...tunnel, ...nic),
      env: { ...node_env },
      keeps_children: true,
      stop_timeout_ms: 20_000,
      // Stopped before the guests at a shutdown of the host: it must not take their end for their own wish.
      after: [
        'libvirtd.service',
        'virtqemud.service',
        'virtlogd.service',
        'virtlockd.service',
        'libvirt-guests.service',
        'ovsdb-server.service',
        'ovs-vswitchd.service',
      ],
    }),
    prepare: () => Promise.resolve(),
  }
}
