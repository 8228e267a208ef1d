/** Which refusals of libvirt are the host's own: what it lacks, another host may have. */
import { hasCode, LibvirtError } from '../../../lib/libvirt/index.ts'

const lacking = /cannot allocate memory|out of memory|unable to find (?:any firmware|'swtpm)/i

/** A CPU model or a device that QEMU here does not know, memory that cannot be had (virterror.h), or firmware or a TPM's program that is not installed. */
export function isLackOfHost(error: unknown): boolean {
  if (hasCode(error, 'config_unsupported') || hasCode(error, 'cpu_incompatible')) return true
  return error instanceof LibvirtError && lacking.test(error.message)
}
