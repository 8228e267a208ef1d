/**
 * Ports of guests that are gone. libvirt plugs a guest in and takes it out again when it ends; of one that ended with the power of its host
 * nobody does, and Open vSwitch keeps ports over every start: under the name of a device that the next guest may have, and with the logical port of
 * a guest that may run on another host by now.
 */
import { access } from 'node:fs/promises'
import type { Vswitch } from './vswitch.ts'

/** libvirt notes here which guest it is (ovs-vswitchd.conf.db(5)). */
const guest_key = 'vm-id'

/** libvirt makes a device before its port: what has none was used up. */
export async function removeLostPorts(vswitch: Vswitch, bridge: string): Promise<void> {
  const lost: string[] = []
  for (const { name, type } of vswitch.interfacesWith(guest_key)) {
    // Ports of other kinds have no device of the kernel.
    if (type === '' && vswitch.joins(bridge, name) && !(await isThere(name))) lost.push(name)
  }
  await vswitch.removePorts(lost)
}

async function isThere(device: string): Promise<boolean> {
  try {
    await access(`/sys/class/net/${device}`)
    return true
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return false
    throw error
  }
}
