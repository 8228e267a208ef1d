/**
 * Open vSwitch on a host: its database and its switch. Bridges and ports are the agent's.
 * Files and sockets where Debian's packages expect them, so that ovs-vsctl works without options.
 */
import { mkdir } from 'node:fs/promises'
import { plain_env } from '../../lib/process.ts'
import { service } from '../service.ts'
import type { Definition } from './definition.ts'
import { ensureDatabaseFile } from './ovsdb-file.ts'

const run = '/run/openvswitch'
const database_file = '/etc/openvswitch/conf.db'
export const vswitch_socket = `${run}/db.sock`

const logging = ['--no-chdir', '-vconsole:info', '-vsyslog:off']

export function openVswitch(): Definition[] {
  return [
    {
      service: service({
        name: 'croft-ovsdb',
        description: "Open vSwitch's database",
        argv: [
          'ovsdb-server',
          ...logging,
          `--pidfile=${run}/ovsdb-server.pid`,
          `--remote=punix:${vswitch_socket}`,
          '--remote=db:Open_vSwitch,Open_vSwitch,manager_options',
          database_file,
        ],
        env: { ...plain_env },
        ready: { kind: 'socket', path: vswitch_socket },
        debian_unit: 'ovsdb-server.service',
      }),
      async prepare() {
        await mkdir(run, { recursive: true })
        // ovs-vswitchd waits for this one row, which `ovs-vsctl init` makes otherwise.
        const operations = [{ op: 'insert', table: 'Open_vSwitch', row: {} }]
        const schema = '/usr/share/openvswitch/vswitch.ovsschema'
        await ensureDatabaseFile(database_file, schema, { database: 'Open_vSwitch', operations })
      },
    },
    {
      service: service({
        name: 'croft-ovs-vswitchd',
        description: 'the switch that guests are plugged into',
        argv: ['ovs-vswitchd', ...logging, `--pidfile=${run}/ovs-vswitchd.pid`, `unix:${vswitch_socket}`],
        env: { ...plain_env },
        debian_unit: 'ovs-vswitchd.service',
      }),
      prepare: () => Promise.resolve(),
    },
  ]
}
