/**
 * Whether guests can run on KVM here. The device alone proves nothing: in a virtual machine without nested virtualisation it
 * may exist and then hang every guest. So the processor must have the extension, too, where it can tell.
 */
import { closeSync, constants, openSync, readFileSync } from 'node:fs'

export type KvmVerdict = { usable: true } | { usable: false; why: string }

/** Pure: from /proc/cpuinfo's text and the outcome of opening /dev/kvm for reading and writing. */
export function judgeKvm(cpuinfo: string, open_error: string | undefined, arch: string): KvmVerdict {
  // ARM processors do not list virtualisation among their features; there, the device is all there is to go by.
  if (arch === 'x64' && !/^flags\s*:.*\b(vmx|svm)\b/m.test(cpuinfo))
    return { usable: false, why: 'the processor offers no virtualisation (neither vmx nor svm among its flags)' }
  if (open_error !== undefined) return { usable: false, why: `/dev/kvm cannot be opened (${open_error})` }
  return { usable: true }
}

export function kvmVerdict(): KvmVerdict {
  let open_error: string | undefined
  try {
    closeSync(openSync('/dev/kvm', constants.O_RDWR))
  } catch (error) {
    open_error = error instanceof Error && 'code' in error ? String(error.code) : String(error)
  }
  return judgeKvm(readFileSync('/proc/cpuinfo', 'utf8'), open_error, process.arch)
}
