/**
 * What an earlier move left in QEMU. A libvirtd that is killed at the wrong moment forgets the nodes through which a guest's disks were copied to the
 * other host; from then on each move of that guest failed ("Duplicate nodes with node-name", seen with libvirt 9.0), until it was switched off.
 */
import Type from 'typebox'
import { Value } from 'typebox/value'
import type { Libvirt } from '../../../lib/libvirt/index.ts'
import type { Log } from '../../ports.ts'

/** QEMU's answer to query-named-block-nodes, as far as it matters here (QEMU QMP reference, BlockDeviceInfo). */
const Nodes = Type.Array(Type.Object({ 'node-name': Type.Optional(Type.String()) }))
/** As libvirt calls them: one that understands the disk's format, and the connection below it. */
const of_a_move = /^migration-.+-(format|storage)$/

/** Before a move that copies disks, while libvirt has no other of this guest. What cannot be cleared is in the move's own error. */
export async function clearLeftovers(libvirt: Libvirt, uuid: string, log: Log): Promise<void> {
  const domain = { uuid }
  try {
    const found: unknown = await libvirt.guest.monitorCommand(domain, 'query-named-block-nodes', { flat: true })
    if (!Value.Check(Nodes, found)) return
    const left = found.flatMap(node => node['node-name'] ?? []).filter(name => of_a_move.test(name))
    // What lies on another goes first: 'format' before 'storage'.
    for (const name of left.sort()) {
      await libvirt.guest.monitorCommand(domain, 'blockdev-del', { 'node-name': name })
      log.info({ instance: uuid, node: name }, 'what an earlier move had left in QEMU is cleared')
    }
  } catch (error) {
    log.warn({ instance: uuid, error }, 'what earlier moves may have left in QEMU could not be cleared')
  }
}
