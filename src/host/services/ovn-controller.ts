/** OVN on a host: turns logical networks into flows of this host's switch. What it does is set by the agent in Open vSwitch. */
import { mkdir } from 'node:fs/promises'
import { plain_env } from '../process.ts'
import { service } from '../service.ts'
import type { Definition } from './definition.ts'
import { vswitch_socket } from './openvswitch.ts'

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
    prepare: async () => void (await mkdir('/run/ovn', { recursive: true })),
  }
}
