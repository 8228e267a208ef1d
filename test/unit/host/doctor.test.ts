/** The doctor's judgement, on machines made up for it, and once on this one. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatFindings } from '../../../src/cli/commands/doctor.ts'
import { examine, type Finding, kernelFeatures, type Machine } from '../../../src/host/doctor.ts'

const good: Machine = {
  arch: 'x64',
  kernel: '6.12',
  os: 'Debian 13',
  is_root: true,
  systemd: true,
  cpus: 8,
  cpu_flags: ['ssse3', 'sse4_1', 'sse4_2', 'popcnt', 'vmx'],
  kvm: { usable: true, why: '' },
  memory_mib: 65_536,
  memory_available_mib: 60_000,
  huge_pages: [],
  kernel_features: Object.fromEntries(kernelFeatures.map(name => [name, true])) as Machine['kernel_features'],
  user_namespaces: true,
  missing_packages: [],
  port_problems: [],
  forwarding_blockers: [],
  disk_locks: true,
  state_dir: '/var/lib/croft',
  free_mib: 200_000,
  clock_synchronised: true,
  versions: { libvirt: '11' },
}

const troubles = (change: Partial<Machine>): Finding[] =>
  examine({ ...good, ...change }).filter(({ level }) => level !== 'ok')

void test('a good machine has nothing to mend', () => {
  assert.deepEqual(troubles({}), [])
  assert.match(formatFindings(examine(good), false), /fit to be a host\.\n$/)
})

const cases: { what: string; change: Partial<Machine>; check: string; level: 'warn' | 'fail' }[] = [
  { what: 'another processor', change: { arch: 'riscv64' }, check: 'architecture', level: 'fail' },
  { what: 'no KVM', change: { kvm: { usable: false, why: 'no vmx: processor' } }, check: 'kvm', level: 'warn' },
  { what: 'an old CPU', change: { cpu_flags: ['ssse3'] }, check: 'cpu', level: 'warn' },
  { what: 'too little memory', change: { memory_mib: 512 }, check: 'memory', level: 'fail' },
  { what: 'full memory', change: { memory_available_mib: 100 }, check: 'memory', level: 'warn' },
  { what: 'a full disk', change: { free_mib: 10 }, check: 'disk', level: 'fail' },
  { what: 'no locks', change: { disk_locks: false }, check: 'disk_locks', level: 'warn' },
  { what: 'a firewall', change: { forwarding_blockers: ['Chain FORWARD drops'] }, check: 'forwarding', level: 'warn' },
  { what: 'a small disk', change: { free_mib: 3000 }, check: 'disk', level: 'warn' },
  { what: 'a wrong clock', change: { clock_synchronised: false }, check: 'clock', level: 'warn' },
  { what: 'no user namespaces', change: { user_namespaces: false }, check: 'user-namespaces', level: 'warn' },
  { what: 'not root', change: { is_root: false }, check: 'rights', level: 'warn' },
  {
    what: 'no TUN device',
    change: { kernel_features: { ...good.kernel_features, tun: false } },
    check: 'kernel-tun',
    level: 'fail',
  },
  {
    what: 'a package missing',
    change: { missing_packages: [{ name: 'ovn-host', why: 'carries networks' }] },
    check: 'packages',
    level: 'warn',
  },
  {
    what: 'a port in use',
    change: { port_problems: [{ address: '127.0.0.1:7070', why: 'is in use', holder: 'nginx (process 7)' }] },
    check: 'ports',
    level: 'fail',
  },
]

for (const { what, change, check, level } of cases)
  void test(`${what}: ${level}, with what it means and how to mend it`, () => {
    const [finding, ...others] = troubles(change)
    assert(finding)
    assert.deepEqual(others, [])
    assert.equal(finding.check, check)
    assert.equal(finding.level, level)
    assert(finding.means.length > 10 && finding.mend.length > 10, JSON.stringify(finding))
  })

void test('who holds a port is named, and a clock that nobody knows about is not a fault', () => {
  const [finding] = troubles({ port_problems: [{ address: 'a:1', why: 'is in use', holder: 'nginx (process 7)' }] })
  assert.equal(finding?.found, 'a:1 is in use by nginx (process 7)')
  assert.deepEqual(troubles({ clock_synchronised: null }), [])
})
