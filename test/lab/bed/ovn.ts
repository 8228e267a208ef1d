/**
 * Open vSwitch and OVN daemons on a test host, for tests of the network alone. Tests of the whole product start them as
 * the product does.
 */
import type { Host } from './host.ts'

const vswitch_db = '/etc/openvswitch/conf.db'

/** Starts a daemon of Open vSwitch's family; it is up when this returns. */
async function daemon(host: Host, program: string, log: string, ...args: readonly string[]): Promise<void> {
  const pidfile = args.some(arg => arg.startsWith('--pidfile')) ? [] : ['--pidfile']
  await host.must([program, '--detach', '--no-chdir', '-vconsole:off', `--log-file=${log}`, ...pidfile, ...args])
}

async function createDatabase(host: Host, file: string, schema: string): Promise<void> {
  if ((await host.exec(['test', '-e', file])).code !== 0) await host.must(['ovsdb-tool', 'create', file, schema])
}

/** ovsdb-server and ovs-vswitchd. */
export async function startVswitch(host: Host): Promise<void> {
  await createDatabase(host, vswitch_db, '/usr/share/openvswitch/vswitch.ovsschema')
  const log = '/var/log/openvswitch/ovsdb-server.log'
  await daemon(host, 'ovsdb-server', log, '--remote=punix:/run/openvswitch/db.sock', vswitch_db)
  await startVswitchd(host)
}

export async function startVswitchd(host: Host): Promise<void> {
  await daemon(host, 'ovs-vswitchd', '/var/log/openvswitch/ovs-vswitchd.log')
}

export async function startController(host: Host): Promise<void> {
  await daemon(host, 'ovn-controller', '/var/log/ovn/ovn-controller.log', 'unix:/run/openvswitch/db.sock')
}

/** Asks a daemon to end, as its service would, and waits until it has. */
export async function stopDaemon(host: Host, daemon: 'ovs-vswitchd' | 'ovn-controller'): Promise<void> {
  const pidfile = daemon === 'ovs-vswitchd' ? '/run/openvswitch/ovs-vswitchd.pid' : '/run/ovn/ovn-controller.pid'
  const pid = (await host.must(['cat', pidfile])).trim()
  await host.must(['ovs-appctl', '-t', daemon === 'ovs-vswitchd' ? daemon : `/run/ovn/${daemon}.${pid}.ctl`, 'exit'])
  await host.must(['timeout', '20', 'tail', `--pid=${pid}`, '--follow', '/dev/null'])
}

/** Northbound and southbound databases (the latter on TCP 6642, too) and ovn-northd. */
export async function startCentral(host: Host): Promise<void> {
  for (const db of ['nb', 'sb']) {
    const file = `/var/lib/ovn/ovn${db}_db.db`
    await createDatabase(host, file, `/usr/share/ovn/ovn-${db}.ovsschema`)
    const run = `/run/ovn/ovn${db}_db`
    const tcp = db === 'sb' ? ['--remote=ptcp:6642:0.0.0.0'] : []
    const where = [`--pidfile=${run}.pid`, `--unixctl=${run}.ctl`, `--remote=punix:${run}.sock`, ...tcp]
    await daemon(host, 'ovsdb-server', `/var/log/ovn/${db}.log`, ...where, file)
  }
  const databases = ['--ovnnb-db=unix:/run/ovn/ovnnb_db.sock', '--ovnsb-db=unix:/run/ovn/ovnsb_db.sock']
  await daemon(host, 'ovn-northd', '/var/log/ovn/northd.log', '--pidfile=/run/ovn/ovn-northd.pid', ...databases)
}
