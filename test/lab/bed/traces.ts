/** What guests leave on a test host, looked up where it would be: processes, libvirt, disks, Open vSwitch, OVN. */
import { setTimeout as delay } from 'node:timers/promises'
import type { Host } from './host.ts'

/** Process ids of running guests, as the host counts them. */
export async function qemuPids(host: Host): Promise<string[]> {
  // 15 characters: what the kernel keeps of a name.
  const { stdout } = await host.exec(['pgrep', '-x', 'qemu-system-x86'])
  return stdout.split('\n').filter(Boolean).sort()
}

/** Lines that name the instance or its port, each with where it was found; none when nothing is left. */
export async function leftOf(host: Host, instance_id: string, port_id: string): Promise<string[]> {
  const places: readonly (readonly [string, readonly string[]])[] = [
    ['libvirt', ['virsh', '-c', 'qemu:///system', 'list', '--all', '--uuid']],
    ['disk', ['find', '/var/lib/croft/agent', '/run/croft', '-name', `*${instance_id}*`]],
    ['process', ['pgrep', '-a', '-f', `qemu-system.*${instance_id}`]],
    ['Open vSwitch', ['ovs-vsctl', '--bare', '--columns=external_ids', 'list', 'Interface']],
    ['OVN northbound', ['ovn-nbctl', '--bare', '--columns=name', 'list', 'Logical_Switch_Port']],
    ['OVN southbound', ['ovn-sbctl', '--bare', '--columns=logical_port', 'list', 'Port_Binding']],
  ]
  const found = await Promise.all(
    places.map(async ([place, argv]) => {
      const { stdout } = await host.exec(argv)
      const lines = stdout.split('\n').filter(line => line.includes(instance_id) || line.includes(port_id))
      return lines.map(line => `${place}: ${line}`)
    }),
  )
  return found.flat()
}

const forgotten_within_ms = 30_000

/**
 * As leftOf, once the host was told to forget it: that comes after the purge has ended, and nothing on the host tells of it, so
 * it is looked at again and again for some seconds.
 */
export async function leftInTheEnd(host: Host, instance_id: string, port_id: string): Promise<string[]> {
  const end_ms = Date.now() + forgotten_within_ms
  for (;;) {
    const left = await leftOf(host, instance_id, port_id)
    if (left.length === 0 || Date.now() > end_ms) return left
    await delay(100)
  }
}
