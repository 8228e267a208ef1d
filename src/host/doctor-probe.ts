/** Finds out about this machine what doctor.ts judges. Changes nothing; root sees more. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { statfs } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { type Config, joinAddress } from '../config.ts'
import { forwardingBlockers, readChains } from '../lib/linuxnet/nft.ts'
import { type KernelFeature, kernelFeatures, type Machine } from './doctor.ts'
import { kvmVerdict } from './kvm.ts'
import { serviceManager } from './manager.ts'
import { canLock } from './services/virtlockd.ts'
import { missingPackages, packagesFor, systemdRuns } from './packages.ts'
import { portProblem } from './ports.ts'
import { run } from '../lib/process.ts'

export async function probeMachine(config: Config): Promise<Machine> {
  const verdict = kvmVerdict()
  const meminfo = readFileSync('/proc/meminfo', 'utf8')
  const features = await Promise.all(kernelFeatures.map(async name => [name, await hasFeature(name)] as const))
  const systemd = systemdRuns()
  return {
    arch: process.arch,
    kernel: os.release(),
    os: /^PRETTY_NAME="?(.*?)"?$/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1] ?? 'unknown system',
    is_root: process.geteuid?.() === 0,
    systemd,
    cpus: os.availableParallelism(),
    cpu_flags: /^flags\s*: (.*)$/m.exec(readFileSync('/proc/cpuinfo', 'utf8'))?.[1]?.split(' ') ?? [],
    kvm: verdict.usable ? { usable: true, why: '' } : verdict,
    memory_mib: memory(meminfo, 'MemTotal'),
    memory_available_mib: memory(meminfo, 'MemAvailable'),
    huge_pages: hugePages(),
    kernel_features: Object.fromEntries(features) as Record<KernelFeature, boolean>,
    user_namespaces: (await run(['unshare', '--user', 'true'])).code === 0,
    missing_packages: await missingPackages(packagesFor(['controller', 'host', 'image'], systemd, process.arch)),
    port_problems: await portProblems(config),
    forwarding_blockers: await forwarding(),
    disk_locks: canLock(),
    state_dir: config.state_dir,
    free_mib: await freeMib(config.state_dir),
    clock_synchronised: await clockSynchronised(systemd),
    versions: await versions(),
  }
}

const memory = (meminfo: string, field: string) =>
  Math.floor(Number(new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(meminfo)?.[1] ?? 0) / 1024)

function hugePages(): Machine['huge_pages'] {
  const folder = '/sys/kernel/mm/hugepages'
  if (!existsSync(folder)) return []
  return readdirSync(folder).map(name => {
    const count = (file: string) => Number(readFileSync(path.join(folder, name, file), 'utf8'))
    const size_kib = Number(/\d+/.exec(name)?.[0])
    return { size_kib, total: count('nr_hugepages'), free: count('free_hugepages') }
  })
}

/** Where a feature shows when it is built in or loaded. */
const traces: Record<KernelFeature, string> = {
  tun: '/dev/net/tun',
  openvswitch: '/sys/module/openvswitch',
  geneve: '/sys/module/geneve',
  vhost_net: '/dev/vhost-net',
  nf_conntrack: '/proc/sys/net/netfilter/nf_conntrack_max',
  bridge: '/sys/module/bridge',
}

async function hasFeature(name: KernelFeature): Promise<boolean> {
  if (existsSync(traces[name])) return true
  // Says whether it could be loaded, without doing so; built-in ones are known to it, too.
  const answer = await run(['modprobe', '--dry-run', '--quiet', name]).catch(() => undefined)
  return answer?.code === 0
}

async function portProblems(config: Config): Promise<Machine['port_problems']> {
  const running = await serviceManager(config).status()
  if (running.some(({ name, state }) => name === 'croft-controller' && state !== 'stopped')) return []
  const problems = await Promise.all([config.listen, config.agent_listen].map(portProblem))
  return problems
    .filter(problem => problem !== undefined)
    .map(({ address, why, holder }) => ({ address: joinAddress(address), why, holder }))
}

/** Empty, too, where it cannot be seen: without root, or before nftables is there. */
async function forwarding(): Promise<string[]> {
  return await readChains().then(
    chains => forwardingBlockers(chains),
    () => [],
  )
}

async function freeMib(folder: string): Promise<number> {
  let nearest = folder
  while (!existsSync(nearest)) nearest = path.dirname(nearest)
  const { bavail, bsize } = await statfs(nearest)
  return Math.floor((bavail * bsize) / 2 ** 20)
}

async function clockSynchronised(systemd: boolean): Promise<boolean | null> {
  if (!systemd) return null
  const answer = await run(['timedatectl', 'show', '--property=NTPSynchronized', '--value']).catch(() => undefined)
  return answer?.code === 0 ? answer.stdout.trim() === 'yes' : null
}

async function versions(): Promise<Machine['versions']> {
  const names = ['libvirt-daemon', 'qemu-system-x86', 'qemu-system-arm', 'openvswitch-switch', 'ovn-host']
  const known = await run([
    'dpkg-query',
    '--show',
    '-f',
    '${Package} ${db:Status-Abbrev} ${Version}\n',
    ...names,
  ]).catch(() => undefined)
  const lines = known?.stdout.split('\n').map(line => line.split(/ +/)) ?? []
  const installed = lines.filter(([, status]) => status?.[1] === 'i')
  return {
    croft_node: process.versions.node,
    ...Object.fromEntries(installed.map(([name, , version]) => [name ?? '', version])),
  }
}
