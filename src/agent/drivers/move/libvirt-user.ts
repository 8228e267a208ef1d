/** The user that QEMU runs as under this libvirt, as it says itself: sockets of the moves are for that one. */
import type { Libvirt } from '../../../lib/libvirt/index.ts'

export async function qemuUser(libvirt: Libvirt): Promise<{ uid: number; gid: number }> {
  const dac = /<model>dac<\/model>[^]*?<baselabel type='(?:kvm|qemu)'>\+(\d+):\+(\d+)<\/baselabel>/
  const [, uid, gid] = dac.exec(await libvirt.host.capabilities()) ?? []
  return { uid: Number(uid ?? 0), gid: Number(gid ?? 0) }
}
