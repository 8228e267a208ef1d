/** Which refusals of libvirt are the host's own: what it lacks, another host may have. */
import { hasCode, LibvirtError } from '../../../lib/libvirt/index.ts'

/** A CPU model or a device that QEMU here does not know, or memory that cannot be had (virterror.h). */
export function isLackOfHost(error: unknown): boolean {
  if (hasCode(error, 'config_unsupported') || hasCode(error, 'cpu_incompatible')) return true
  return error instanceof LibvirtError && /cannot allocate memory|out of memory/i.test(error.message)
}
