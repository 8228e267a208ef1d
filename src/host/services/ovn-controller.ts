/** OVN on a host: turns logical networks into flows of this host's switch. What it does is set by the agent in Open vSwitch. */
import { mkdir } from 'node:fs/promises'
import { plain_env, runOk } from '../../lib/process.ts'
import { service } from '../service.ts'
import type { Definition } from './definition.ts'
import { vswitch_socket } from './openvswitch.ts'

const told_within_s = 60

/** To be started after the agent. */
export function ovnController(): Definition {
  return {
    service: service({
      name: 'croft-ovn-controller',
      description: "OVN's part on this host",
      argv: [
        'ovn-controller',
        '--no-chdir',
        '-vconsole:info',
        '-vsyslog:off',
        '--pidfile=/run/ovn/ovn-controller.pid',
        `unix:${vswitch_socket}`,
      ],
      env: { ...plain_env },
      debian_unit: 'ovn-controller.service',
    }),
    async prepare() {
      await mkdir('/run/ovn', { recursive: true })
      // Started too early, it makes its bridge on a datapath of its own choice. The agent says which one, and where the
      // southbound database is, once it has linked to a controller.
      const told = ['wait-until', 'Open_vSwitch', '.', 'external_ids:ovn-remote!=""']
      await runOk(['ovs-vsctl', `--timeout=${told_within_s}`, '--no-wait', ...told])
    },
  }
}
