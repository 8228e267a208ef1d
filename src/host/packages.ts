/**
 * The Debian packages that Croft needs on a machine, by role, with the reason for each; which of them are missing; and their
 * installation.
 * Not its job: Node and npm packages (scripts/ensure.sh).
 */
import { spawn } from 'node:child_process'
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { recipePackages } from '../images/recipe.ts'
import { HostError } from './error.ts'
import { ended, lastLines, plain_env, run } from '../lib/process.ts'

export type Role = 'controller' | 'host' | 'image' | 'test'

export type Package = { name: string; why: string; roles: readonly Role[]; only?: 'systemd' | 'x64' | 'arm64' }

export const packages: readonly Package[] = [
  {
    name: 'util-linux',
    why: 'namespaces, locks and PostgreSQL as another user than root',
    roles: ['controller', 'host'],
  },
  { name: 'ovn-central', why: 'the databases of the logical networks', roles: ['controller'] },
  { name: 'libvirt-daemon', why: 'runs guests', roles: ['host'] },
  { name: 'libvirt-daemon-driver-qemu', why: "libvirt's driver for QEMU", roles: ['host'] },
  { name: 'libvirt-clients', why: 'virsh, for a look by hand at what libvirt has', roles: ['host'] },
  {
    name: 'libvirt-daemon-system',
    why: "libvirt's service, user and AppArmor profile",
    roles: ['host'],
    only: 'systemd',
  },
  { name: 'qemu-system-x86', why: 'the machine that a guest sees', roles: ['host'], only: 'x64' },
  { name: 'qemu-system-arm', why: 'the machine that a guest sees', roles: ['host'], only: 'arm64' },
  { name: 'qemu-efi-aarch64', why: 'the firmware of ARM guests', roles: ['host'], only: 'arm64' },
  { name: 'ovmf', why: 'the firmware of guests with UEFI', roles: ['host'], only: 'x64' },
  { name: 'swtpm', why: 'the TPMs of guests', roles: ['host'] },
  { name: 'swtpm-tools', why: 'makes the TPMs of guests', roles: ['host'] },
  { name: 'qemu-utils', why: 'makes, checks and converts disk images', roles: ['controller', 'host'] },
  { name: 'openvswitch-switch', why: 'connects guests to networks', roles: ['host'] },
  { name: 'ovn-host', why: 'carries the logical networks between hosts', roles: ['host'] },
  { name: 'iproute2', why: 'sets addresses and routes', roles: ['host'] },
  { name: 'nftables', why: 'lets guests reach outside through the host', roles: ['host'] },
  { name: 'ethtool', why: 'sets checksum offload of network cards', roles: ['host'] },
  { name: 'ipmitool', why: 'cuts the power of hosts that are lost, by IPMI', roles: ['controller'] },
  { name: 'genisoimage', why: 'writes config drives', roles: ['host'] },
  { name: 'procps', why: 'lets tests set kernel parameters of their namespaces', roles: ['test'] },
  { name: 'iputils-ping', why: 'lets tests see which packets pass', roles: ['test'] },
  { name: 'busybox', why: "lets tests run the guests' own scripts, and answer them by DHCP", roles: ['test'] },
  { name: 'python3', why: 'lets tests run what waits for children that are not its own', roles: ['test'] },
  { name: 'dropbear-bin', why: 'lets tests have a machine that answers by SSH late', roles: ['test'] },
  { name: 'openssl', why: 'lets tests make and read keys and certificates by other means than Croft', roles: ['test'] },
  { name: 'libxml2-utils', why: "lets tests hold domain XML to libvirt's schema (xmllint)", roles: ['test'] },
  { name: 'openipmi', why: 'lets tests cut power by IPMI (ipmi_sim)', roles: ['test'] },
  { name: 'chromium-headless-shell', why: 'lets tests use the web UI as people do', roles: ['test'] },
  { name: 'chromium', why: 'the same, in a window that can be full screen', roles: ['test'] },
  { name: 'openssh-client', why: 'lets tests and `croft instance ssh` reach guests', roles: ['host', 'test'] },
]

export const systemdRuns = () => existsSync('/run/systemd/system')

export function packagesFor(roles: readonly Role[], systemd: boolean, arch: string): Package[] {
  const own = packages.filter(
    ({ only, roles: its }) =>
      its.some(role => roles.includes(role)) &&
      (only === undefined || (only === 'systemd' && systemd) || only === arch),
  )
  const names = new Set(own.map(({ name }) => name))
  return [...own, ...imagePackages(roles, arch).filter(({ name }) => !names.has(name))]
}

/** The recipes say themselves what they need; they build images of PCs only. */
function imagePackages(roles: readonly Role[], arch: string): Package[] {
  if (arch !== 'x64') return []
  const recipes = roles.includes('test') ? undefined : ['tiny']
  if (recipes && !roles.includes('image')) return []
  return recipePackages(recipes).map(({ name, why }) => ({ name, why, roles: ['image'] }))
}

/** Those of `wanted` that dpkg does not have installed. Throws HostError where there is no dpkg. */
export async function missingPackages(wanted: readonly Package[]): Promise<Package[]> {
  // Its code is 1 as soon as one name is unknown to it, so judge by what it prints.
  const answer = await run([
    'dpkg-query',
    '--show',
    '-f',
    '${Package} ${db:Status-Abbrev}\n',
    ...wanted.map(p => p.name),
  ]).catch((error: unknown) => {
    throw new HostError(
      'Croft knows how to prepare Debian and Ubuntu; this system has no dpkg',
      `Install what corresponds to: ${wanted.map(p => p.name).join(' ')}`,
      { cause: error },
    )
  })
  return notInstalled(wanted, answer.stdout)
}

/** `status`: lines "NAME ii " as dpkg-query prints them (dpkg-query(1), db:Status-Abbrev). */
export function notInstalled(wanted: readonly Package[], status: string): Package[] {
  const installed = new Set(
    status
      .split('\n')
      .filter(line => /^\S+ .i/.test(line))
      .map(line => line.split(' ')[0]),
  )
  return wanted.filter(({ name }) => !installed.has(name))
}

export const installCommand = (missing: readonly Package[]): string[] => [
  'apt-get',
  'install',
  '--yes',
  '--no-install-recommends',
  ...missing.map(({ name }) => name),
]

/** Progress of an installation: 0 to 100 and what is being done, as apt-get says it. */
export type InstallProgress = (percent: number, text: string) => void

/** Installs packages. Throws HostError with the end of what apt-get said, or, without root, with the command to run. */
export async function installPackages(missing: readonly Package[], progress: InstallProgress): Promise<void> {
  if (missing.length === 0) return
  const command = installCommand(missing)
  if (process.geteuid?.() !== 0)
    throw new HostError(
      `these Debian packages are missing, and only root may install them: ${missing.map(p => p.name).join(', ')}`,
      `sudo ${command.join(' ')}`,
    )
  using _quiet = keepServicesFromStarting()
  progress(0, 'reading package lists')
  const env = { ...plain_env, DEBIAN_FRONTEND: 'noninteractive' }
  // Lists that are a little old may name versions that are gone; a machine without a network may still have a mirror.
  const updated = await run(['apt-get', 'update', '--quiet', '--quiet'], { env })
  const outcome = await aptGet([...command, '--quiet'], env, progress)
  if (outcome.code === 0) return
  const said = lastLines(`${updated.code === 0 ? '' : updated.stderr}\n${outcome.said}`, 6)
  throw new HostError(
    `the packages could not be installed: ${said}`,
    `Mend what apt-get says, then try again:  ${command.join(' ')}`,
  )
}

async function aptGet(
  command: string[],
  env: Record<string, string>,
  progress: InstallProgress,
): Promise<{ code: number | null; said: string }> {
  const [program = '', ...args] = command
  // A new machine often installs updates by itself soon after its first boot: wait for it.
  const options = ['APT::Status-Fd=3', 'Dpkg::Use-Pty=0', 'DPkg::Lock::Timeout=300'].flatMap(option => ['-o', option])
  const child = spawn(program, [...args, ...options], {
    env,
    stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
  })
  let said = ''
  for (const stream of [child.stdout, child.stderr])
    stream?.setEncoding('utf8').on('data', (text: string) => {
      said = (said + text).slice(-20_000)
    })
  const status = child.stdio[3]
  if (status && 'readable' in status)
    createInterface({ input: status }).on('line', line => {
      const parsed = parseStatus(line)
      if (parsed) progress(parsed.percent, parsed.text)
    })
  const { code } = await ended(child)
  return { code, said }
}

/** A line of apt's status-fd: "pmstatus:PACKAGE:PERCENT:TEXT" or "dlstatus:N:PERCENT:TEXT"; downloads are the first half. */
export function parseStatus(line: string): { percent: number; text: string } | undefined {
  const [kind, , percent_text, ...rest] = line.split(':')
  const percent = Number(percent_text)
  if ((kind !== 'pmstatus' && kind !== 'dlstatus') || !Number.isFinite(percent)) return undefined
  return { percent: Math.round(kind === 'dlstatus' ? percent / 2 : 50 + percent / 2), text: rest.join(':') }
}

const policy_file = '/usr/sbin/policy-rc.d'
const policy_mark = '# Put here by Croft while it installs packages; may be removed.'

/**
 * Without systemd, a package may start its daemon by its old start script, in whatever namespaces we are. Debian's way to
 * forbid this is a program policy-rc.d that says 101 (invoke-rc.d(8)). One that is there already is the operator's.
 */
function keepServicesFromStarting(): Disposable {
  const remove = () => {
    if (existsSync(policy_file) && readFileSync(policy_file, 'utf8').includes(policy_mark)) rmSync(policy_file)
  }
  if (!systemdRuns() && !existsSync(policy_file))
    writeFileSync(policy_file, `#!/bin/sh\n${policy_mark}\nexit 101\n`, { mode: 0o755 })
  return { [Symbol.dispose]: remove }
}

/** Installs what is missing for these roles, saying what and why. */
export async function ensurePackages(roles: readonly Role[], say: (line: string) => void): Promise<Package[]> {
  const missing = await missingPackages(packagesFor(roles, systemdRuns(), process.arch))
  for (const { name, why } of missing) say(`installing the Debian package ${name}: ${why}`)
  await installPackages(missing, () => undefined)
  return missing
}
