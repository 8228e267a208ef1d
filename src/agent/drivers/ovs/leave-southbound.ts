/** Has ovn-controller(8) let go of the southbound database, where a copy of a host's disk would be a second chassis of its name. */
import { runProgram } from '../../../lib/linuxnet/program.ts'

/** Guests' flows stay; the agent sets it again with what it is told next (chassis.ts). Rejects while Open vSwitch does not answer. */
export async function leaveSouthbound(run_dir: string): Promise<void> {
  const told = ['--if-exists', 'remove', 'Open_vSwitch', '.', 'external_ids', 'ovn-remote']
  await runProgram(['ovs-vsctl', `--db=unix:${run_dir}/db.sock`, '--timeout=10', '--no-wait', ...told])
}
