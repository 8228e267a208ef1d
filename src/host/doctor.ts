/**
 * Looks at a machine and says whether it can be a host of Croft, what is wrong, what that means and how to mend it.
 * The checks are pure functions of what was found (`Machine`); doctor-probe.ts finds it.
 */

export type Machine = {
  arch: string
  kernel: string
  os: string
  is_root: boolean
  systemd: boolean
  cpus: number
  cpu_flags: readonly string[]
  kvm: { usable: boolean; why: string }
  memory_mib: number
  memory_available_mib: number
  huge_pages: readonly { size_kib: number; total: number; free: number }[]
  /** Whether each is there: built in, loaded, or loadable. */
  kernel_features: Readonly<Record<KernelFeature, boolean>>
  user_namespaces: boolean
  /** Missing packages, with the reason for each. */
  missing_packages: readonly { name: string; why: string }[]
  /** Ports that Croft wants, with what stands in the way. */
  port_problems: readonly { address: string; why: string; holder: string | undefined }[]
  /** Chains of other people's firewalls that drop what this machine forwards, in words. */
  forwarding_blockers: readonly string[]
  /** virtlockd and libvirt's part that asks it are there. */
  disk_locks: boolean
  state_dir: string
  free_mib: number
  /** null: cannot be known here. */
  clock_synchronised: boolean | null
  versions: Readonly<Record<string, string | undefined>>
}

export const kernelFeatures = ['tun', 'openvswitch', 'geneve', 'vhost_net', 'nf_conntrack', 'bridge'] as const
export type KernelFeature = (typeof kernelFeatures)[number]

export type Finding = {
  /** Stable, for scripts. */
  check: string
  level: 'ok' | 'warn' | 'fail'
  /** What was found. */
  found: string
  /** What it means for guests; '' when all is well. */
  means: string
  /** How to mend it; '' when there is nothing to mend. */
  mend: string
}

type Check = (machine: Machine) => Finding | Finding[]

const ok = (check: string, found: string): Finding => ({ check, level: 'ok', found, means: '', mend: '' })
const bad = (level: 'warn' | 'fail', check: string, found: string, means: string, mend: string): Finding => ({
  check,
  level,
  found,
  means,
  mend,
})

const gib = (mib: number) => `${(mib / 1024).toFixed(1)} GiB`

const architecture: Check = ({ arch, os, kernel }) =>
  arch === 'x64' || arch === 'arm64'
    ? ok('architecture', `${os}, Linux ${kernel}, ${arch}`)
    : bad('fail', 'architecture', arch, 'Croft runs on x86_64 and aarch64 only.', 'Use another machine.')

const rights: Check = ({ is_root }) =>
  is_root
    ? ok('rights', 'root')
    : bad('warn', 'rights', 'not root', 'Some checks could not look everywhere.', 'Run it again with sudo.')

const kvm: Check = ({ kvm: { usable, why } }) =>
  usable
    ? ok('kvm', 'usable')
    : bad(
        'warn',
        'kvm',
        why,
        'Guests are emulated: they work, many times slower.',
        why.includes('processor')
          ? 'Switch virtualisation (VT-x, AMD-V) on in the BIOS; in a virtual machine, allow nested virtualisation on its host.'
          : 'Load the module: modprobe kvm_intel (or kvm_amd); check that /dev/kvm is there.',
      )

const cpu: Check = ({ arch, cpus, cpu_flags }) => {
  if (arch !== 'x64') return ok('cpu', `${cpus} CPUs`)
  // x86-64-v2, which RHEL 9 and its like demand of the machine that they run on.
  const lacks = ['ssse3', 'sse4_1', 'sse4_2', 'popcnt'].filter(flag => !cpu_flags.includes(flag))
  if (lacks.length === 0) return ok('cpu', `${cpus} CPUs, x86-64-v2 or better`)
  return bad(
    'warn',
    'cpu',
    `${cpus} CPUs without ${lacks.join(', ')}`,
    'Guests whose system needs x86-64-v2 (RHEL 9, some containers) do not start under KVM.',
    'Nothing mends a processor; choose older guests or the CPU model of another host.',
  )
}

const memory: Check = ({ memory_mib, memory_available_mib }) => {
  const found = `${gib(memory_mib)}, ${gib(memory_available_mib)} available`
  if (memory_mib < 1024)
    return bad('fail', 'memory', found, 'Controller and database alone need about 1 GiB.', 'Add memory.')
  if (memory_available_mib < 1024)
    return bad('warn', 'memory', found, 'There is hardly room for guests.', 'Stop something, or add memory.')
  return ok('memory', found)
}

const hugePages: Check = ({ huge_pages }) => {
  const set = huge_pages.filter(({ total }) => total > 0)
  if (set.length === 0) return ok('huge-pages', 'none set aside (guests use transparent ones)')
  return ok(
    'huge-pages',
    set.map(({ size_kib, total, free }) => `${free} of ${total} × ${size_kib} KiB free`).join(', '),
  )
}

const featureMeanings: Record<KernelFeature, { level: 'warn' | 'fail'; means: string }> = {
  tun: { level: 'fail', means: 'Guests cannot be given a network card.' },
  openvswitch: { level: 'warn', means: 'Networks run in user space: some 50 MB/s in place of line rate.' },
  geneve: { level: 'warn', means: 'With the kernel switch, networks cannot span hosts.' },
  vhost_net: { level: 'warn', means: "Guests' network is slower than it could be." },
  nf_conntrack: { level: 'warn', means: 'With the kernel switch, security groups do not work.' },
  bridge: { level: 'warn', means: 'libvirt networks of your own do not work; those of Croft do.' },
}

const features: Check = ({ kernel_features }) =>
  kernelFeatures.map(name => {
    if (kernel_features[name]) return ok(`kernel-${name.replace('_', '-')}`, 'there')
    const { level, means } = featureMeanings[name]
    const mend = `modprobe ${name}; it comes with Debian's linux-image packages, not with every cloud or container kernel.`
    return bad(level, `kernel-${name.replace('_', '-')}`, 'not in this kernel', means, mend)
  })

const userNamespaces: Check = ({ user_namespaces }) =>
  user_namespaces
    ? ok('user-namespaces', 'allowed')
    : bad(
        'warn',
        'user-namespaces',
        'forbidden',
        "Croft's PostgreSQL runs as a system user of its own, which is made when it first starts.",
        'Nothing needs to be done. To allow them: sysctl user.max_user_namespaces=10000',
      )

const packagesThere: Check = ({ missing_packages }) =>
  missing_packages.length === 0
    ? ok('packages', 'all installed')
    : bad(
        'warn',
        'packages',
        `missing: ${missing_packages.map(({ name }) => name).join(', ')}`,
        missing_packages.map(({ name, why }) => `${name} ${why}`).join('; '),
        `croft up installs them; or: apt-get install --no-install-recommends ${missing_packages.map(({ name }) => name).join(' ')}`,
      )

const ports: Check = ({ port_problems }) =>
  port_problems.length === 0
    ? ok('ports', 'free, or held by Croft')
    : port_problems.map(({ address, why, holder }) =>
        bad(
          'fail',
          'ports',
          `${address} ${why}${holder === undefined ? '' : ` by ${holder}`}`,
          'croft up cannot listen there.',
          'Free it, or choose another with croft up --listen or --agent-listen.',
        ),
      )

const forwarding: Check = ({ forwarding_blockers }) =>
  forwarding_blockers.length === 0
    ? ok('forwarding', 'no firewall in its way')
    : bad(
        'warn',
        'forwarding',
        forwarding_blockers.join('; '),
        'Guests do not reach outside through this machine; they reach each other and this machine.',
        'Let the bridge br-ex through. Docker: iptables -I DOCKER-USER -i br-ex -j ACCEPT, and the same with -o br-ex. ufw: ufw route allow in on br-ex, and the same with out.',
      )

const diskLocks: Check = ({ disk_locks }) =>
  disk_locks
    ? ok('disk_locks', 'virtlockd is there')
    : bad(
        'warn',
        'disk_locks',
        'virtlockd, or the part of libvirt that asks it, is missing',
        'Nothing below Croft keeps a second guest from writing a disk in a pool that hosts share.',
        'apt-get install libvirt-daemon (Debian 13: libvirt-daemon-lock libvirt-daemon-plugin-lockd), then croft up.',
      )

const disk: Check = ({ state_dir, free_mib }) => {
  const found = `${gib(free_mib)} free for ${state_dir}`
  if (free_mib < 1024)
    return bad('fail', 'disk', found, 'Database and images find no room.', 'Free some, or choose another --state DIR.')
  if (free_mib < 10 * 1024)
    return bad(
      'warn',
      'disk',
      found,
      "There is room for few guests' disks.",
      'Give the state folder a disk of its own.',
    )
  return ok('disk', found)
}

const clock: Check = ({ clock_synchronised }) => {
  if (clock_synchronised === null) return ok('clock', 'not known here whether it is synchronised')
  if (clock_synchronised) return ok('clock', 'synchronised')
  return bad(
    'warn',
    'clock',
    'not synchronised',
    'Certificates and tokens may seem expired or not yet valid, and logs of several hosts do not fit together.',
    'Install systemd-timesyncd or chrony, or: timedatectl set-ntp true',
  )
}

const versions: Check = machine => {
  const known = Object.entries(machine.versions).filter(([, version]) => version !== undefined)
  return ok('versions', known.map(([name, version]) => `${name} ${version}`).join(', ') || 'nothing installed yet')
}

const checks: readonly Check[] = [
  architecture,
  rights,
  cpu,
  kvm,
  memory,
  hugePages,
  features,
  userNamespaces,
  packagesThere,
  ports,
  forwarding,
  diskLocks,
  disk,
  clock,
  versions,
]

export function examine(machine: Machine): Finding[] {
  return checks.flatMap(check => check(machine))
}
