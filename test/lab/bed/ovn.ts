/**
 * Open vSwitch and OVN daemons on a test host, for tests of the network alone. Tests of the whole product start them as
 * the product does.
 */
import type { Host } from './host.ts'

const vswitch_db = '/etc/openvswitch/conf.db'

/** ovsdb-server and ovs-vswitchd. */
export async function startVswitch(host: Host): Promise<void> {
  if ((await host.exec(['test', '-e', vswitch_db])).code !== 0)
    await host.must(['ovsdb-tool', 'create', vswitch_db, '/usr/share/openvswitch/vswitch.ovsschema'])
  await host.must([
    ...['ovsdb-server', '--detach', '--no-chdir', '--pidfile', '-vconsole:off'],
    ...['--log-file=/var/log/openvswitch/ovsdb-server.log', '--remote=punix:/run/openvswitch/db.sock', vswitch_db],
  ])
  await startVswitchd(host)
}

export async function startVswitchd(host: Host): Promise<void> {
  const log = '--log-file=/var/log/openvswitch/ovs-vswitchd.log'
  await host.must(['ovs-vswitchd', '--detach', '--no-chdir', '--pidfile', '-vconsole:off', log])
}

export async function startController(host: Host): Promise<void> {
  const log = '--log-file=/var/log/ovn/ovn-controller.log'
  const db = 'unix:/run/openvswitch/db.sock'
  await host.must(['ovn-controller', '--detach', '--no-chdir', '--pidfile', '-vconsole:off', log, db])
}

/** Asks a daemon to end, as its service would, and waits until it has. */
export async function stopDaemon(host: Host, daemon: 'ovs-vswitchd' | 'ovn-controller'): Promise<void> {
  const pidfile = daemon === 'ovs-vswitchd' ? '/run/openvswitch/ovs-vswitchd.pid' : '/run/ovn/ovn-controller.pid'
  const pid = (await host.must(['cat', pidfile])).trim()
  await host.must(['ovs-appctl', '-t', daemon === 'ovs-vswitchd' ? daemon : `/run/ovn/${daemon}.${pid}.ctl`, 'exit'])
  await host.must(['timeout', '20', 'tail', `--pid=${pid}`, '--follow', '/dev/null'])
}

/** Northbound and southbound databases (the latter on TCP 6642) and ovn-northd. */
export async function startCentral(host: Host): Promise<void> {
  for (const db of ['nb', 'sb']) {
    const file = `/var/lib/ovn/ovn${db}_db.db`
    if ((await host.exec(['test', '-e', file])).code !== 0)
      await host.must(['ovsdb-tool', 'create', file, `/usr/share/ovn/ovn-${db}.ovsschema`])
    await host.must([
      ...['ovsdb-server', '--detach', '--no-chdir', '-vconsole:off', `--log-file=/var/log/ovn/${db}.log`],
      ...[`--pidfile=/run/ovn/ovn${db}_db.pid`, `--unixctl=/run/ovn/ovn${db}_db.ctl`],
      ...[`--remote=punix:/run/ovn/ovn${db}_db.sock`, ...(db === 'sb' ? ['--remote=ptcp:6642:0.0.0.0'] : []), file],
    ])
  }
  await host.must([
    ...['ovn-northd', '--detach', '--no-chdir', '--pidfile=/run/ovn/ovn-northd.pid', '-vconsole:off'],
    ...['--log-file=/var/log/ovn/northd.log', '--ovnnb-db=unix:/run/ovn/ovnnb_db.sock'],
    '--ovnsb-db=unix:/run/ovn/ovnsb_db.sock',
  ])
}
