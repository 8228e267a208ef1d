/**
 * CPU flags, whoever names them: a flavor by libvirt's names, a host by those of its kernel (/proc/cpuinfo) and of its libvirt. Whether a
 * CPU has a flag is asked here alone.
 */

/**
 * Where libvirt has another word than the kernel for the same bit, as in libvirt's src/cpu_map/x86_features.xml and Linux'
 * arch/x86/include/asm/cpufeatures.h: by libvirt's, without its marks, the kernel's.
 */
const kernelWords: Readonly<Record<string, string>> = {
  pclmuldq: 'pclmulqdq',
  tscdeadline: 'tscdeadlinetimer',
  ds: 'dts',
  cmt: 'cqm',
  mbmtotal: 'cqmmbmtotal',
  mbmlocal: 'cqmmbmlocal',
  invtsc: 'nonstoptsc',
}

/** What the kernel shows as one flag, whichever maker's bit it is from, and KVM gives guests by either bit. */
const eitherBit: Readonly<Record<string, string>> = { specctrl: 'ibrs', amdstibp: 'stibp', amdssbd: 'ssbd' }

/** Libvirt's names, of the same source, that the kernel or QEMU write with other marks, or with none. */
const markedNames =
  `sse4.1 sse4.2 ds_cpl tsc_adjust lahf_lm cmp_legacy cr8legacy fxsr_opt nodeid_msr perfctr_core perfctr_nb tsc-deadline
  mbm_total mbm_local intel-pt sha-ni avx512ifma avx512vbmi avx512vbmi2 avx512vnni avx512bitalg avx512-vpopcntdq avx512-4vnniw avx512-4fmaps
  avx512-vp2intersect avx512-bf16 avx512-fp16 avx-vnni amx-bf16 amx-tile amx-int8 bus-lock-detect split-lock-detect sgxlc md-clear
  tsx-ldtrk arch-lbr arch-capabilities core-capability spec-ctrl amd-stibp amd-ssbd virt-ssbd svm-lock nrip-save tsc-scale vmcb-clean
  pause-filter v-vmsave-vmload`.split(/\s+/)

/** sse4_1 is sse4.1, avx512_vnni is avx512vnni, md_clear is md-clear. */
function unmarked(flag: string): string {
  return flag.toLowerCase().replaceAll(/[._-]/g, '')
}

const toKernel = new Map([...Object.entries(kernelWords), ...Object.entries(eitherBit)])
const toLibvirt = new Map([
  ...Object.entries(kernelWords).map(([libvirt, kernel]): [string, string] => [kernel, libvirt]),
  ...markedNames.map((name): [string, string] => [unmarked(name), name]),
])

/** The same for all names of a flag. */
function plain(flag: string): string {
  const short = unmarked(flag)
  return toKernel.get(short) ?? short
}

/** As libvirt has it in a guest's XML; what is not known stays as it is written. */
export function libvirtFlag(flag: string): string {
  const short = unmarked(flag)
  const word = toLibvirt.get(short) ?? flag
  return toLibvirt.get(unmarked(word)) ?? word
}

/** Hundreds of hosts share one list of flags, which is gone through once. */
const known = new WeakMap<readonly string[], ReadonlySet<string>>()

function setOf(flags: readonly string[]): ReadonlySet<string> {
  const before = known.get(flags)
  if (before) return before
  const set = new Set(flags.flatMap(flag => [flag, plain(flag)]))
  known.set(flags, set)
  return set
}

/** Quick: it is asked of every host. `flags`: not changed afterwards. */
export function hasFlag(flags: readonly string[], flag: string): boolean {
  const set = setOf(flags)
  return set.has(flag) || set.has(plain(flag))
}

/** Of those that are asked for, as they are written there. */
export function missingFlags(flags: readonly string[], asked: readonly string[]): string[] {
  return asked.filter(flag => !hasFlag(flags, flag))
}
