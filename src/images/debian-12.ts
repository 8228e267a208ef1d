/**
 * The recipe of `debian-12`: Debian 12 as clouds offer it, with cloud-init, the QEMU guest agent and sshd, made by
 * mmdebstrap from the mirror that apt on this machine uses. Takes minutes and root. Its kernel and initrd are found by
 * the links Debian keeps in /, so that the guest can upgrade its kernel without touching GRUB.
 */
import { access, chmod, mkdir, mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { CommandError, runCommand } from '../lib/disk-image/command.ts'
import { type AptSource, aptSources, sha256OfFile } from './apt.ts'
import { bootDiskPackages, makeBootDisk, packQcow2, partition_offset_bytes } from './boot-disk.ts'
import { BuildError, type BuildOptions, type BuiltImage, type Recipe } from './build.ts'

const suite = 'bookworm'
const root_uuid = '64656269-616e-4120-8000-63726f667401'
const disk_id = 0x62656412
/** As the guest first sees it; cloud-init grows partition and file system to the disk it is given. */
const virtual_size_bytes = 2 * 1024 ** 3

const guestPackages = [
  'linux-image-cloud-amd64 systemd-sysv udev dbus cloud-init cloud-guest-utils fdisk e2fsprogs qemu-guest-agent',
  'openssh-server ifupdown isc-dhcp-client iproute2 netbase ca-certificates sudo eject python3-minimal',
]
  .join(' ')
  .split(' ')

const grubScript = [
  'serial --unit=0 --speed=115200',
  'terminal_output serial console',
  'set root=$root',
  `linux /vmlinuz root=UUID=${root_uuid} ro console=tty0 console=ttyS0,115200 net.ifnames=0 quiet`,
  'initrd /initrd.img',
  'boot',
  '',
].join('\n')
const grubModules = ['biosdisk', 'part_msdos', 'ext2', 'linux', 'serial', 'terminal']

/** Files of the guest beside those from packages. */
const guestFiles: Readonly<Record<string, string>> = {
  'etc/fstab': `UUID=${root_uuid} / ext4 errors=remount-ro 0 1\n`,
  // Made anew by each guest at its first start.
  'etc/machine-id': '',
  'etc/hostname': 'debian\n',
  'etc/hosts': '127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n',
  'etc/resolv.conf': '',
  'etc/default/locale': 'LANG=C.UTF-8\n',
  'etc/kernel-img.conf': 'do_symlinks = yes\nlink_in_boot = no\n',
  'etc/cloud/cloud.cfg.d/90_croft.cfg': [
    'datasource_list: [ NoCloud, ConfigDrive, OpenStack, Ec2, None ]',
    'datasource:',
    '  OpenStack: { max_wait: 20, timeout: 5, retries: 2 }',
    '  Ec2: { strict_id: false, max_wait: 20, timeout: 5 }',
    // The tools to make locales are not here, and C.UTF-8 needs none.
    'locale: false',
    '',
  ].join('\n'),
  // Without this only platforms that announce themselves by SMBIOS are asked.
  'etc/cloud/ds-identify.cfg': 'policy: search,found=all,maybe=all,notfound=enabled\n',
}

/** What must not be the same in two guests, or is only of use while building. */
const removedFiles = [
  'etc/ssh/ssh_host_ecdsa_key etc/ssh/ssh_host_ed25519_key etc/ssh/ssh_host_rsa_key',
  'etc/ssh/ssh_host_ecdsa_key.pub etc/ssh/ssh_host_ed25519_key.pub etc/ssh/ssh_host_rsa_key.pub',
  'etc/apt/apt.conf.d/99mmdebstrap var/lib/dbus/machine-id var/lib/systemd/random-seed var/log/apt var/log/dpkg.log',
  'var/log/bootstrap.log var/log/alternatives.log var/cache/apt/pkgcache.bin var/cache/apt/srcpkgcache.bin',
]
  .join(' ')
  .split(' ')

export const debian12: Recipe = {
  name: 'debian-12',
  title: 'Debian 12',
  description: 'Debian 12 (bookworm) with cloud-init, guest agent and sshd; sign in as debian with your key.',
  needs_root: true,
  packages: [{ name: 'mmdebstrap', why: 'puts a Debian system together for the debian-12 image' }, ...bootDiskPackages],
  build: buildDebian12,
}

/** Builds the image; some minutes. Throws BuildError, or the signal's reason when aborted. */
export async function buildDebian12(options: BuildOptions): Promise<BuiltImage> {
  const arch = options.arch ?? 'x86_64'
  if (arch !== 'x86_64') throw new BuildError('unsupported', `debian-12 is built for x86_64 only, not for ${arch}.`)
  if (process.getuid?.() !== 0) {
    throw new BuildError(
      'unsupported',
      'debian-12 is put together by mmdebstrap, which needs root here: run it as root.',
    )
  }
  await mkdir(options.work_dir, { recursive: true })
  await mkdir(dirname(options.out), { recursive: true })
  const scratch_dir = await mkdtemp(join(options.work_dir, 'debian-12-'))
  // mmdebstrap's apt works as another user, who must get to the folder.
  await chmod(scratch_dir, 0o755)
  try {
    return await build(options, scratch_dir)
  } finally {
    await rm(scratch_dir, { recursive: true, force: true })
  }
}

async function build(options: BuildOptions, scratch_dir: string): Promise<BuiltImage> {
  const { signal } = options
  const progress = (step: string, fraction: number): void => options.on_progress?.({ step, fraction })
  const run = { timeout_ms: 3_600_000, ...(signal ? { signal } : {}) }
  const root = join(scratch_dir, 'root')
  progress('Installing Debian into a folder', 0)
  await bootstrap(root, options)
  progress('Preparing it for the cloud', 0.7)
  for (const path of removedFiles) await rm(join(root, path), { recursive: true, force: true })
  for (const [path, content] of Object.entries(guestFiles)) {
    // Not through a link of the guest's: that would lead into this machine.
    await rm(join(root, path), { force: true })
    await writeFile(join(root, path), content)
  }
  await Promise.all(['vmlinuz', 'initrd.img'].map(link => requireLink(root, link)))
  const kernel_version = (await readdir(join(root, 'lib/modules'))).sort().at(-1) ?? ''
  const packages = await installedPackages(root)

  progress('Writing the disk', 0.75)
  const image = join(scratch_dir, 'disk.raw')
  await makeBootDisk(image, virtual_size_bytes, disk_id, {
    script: grubScript,
    modules: grubModules,
    scratch_dir,
    signal,
  })
  const offset = `offset=${partition_offset_bytes},nodiscard`
  const size = `${(virtual_size_bytes - partition_offset_bytes) / 1024}k`
  // GRUB 2.06 cannot read file systems with a checksum seed or an orphan file.
  const features = '^metadata_csum_seed,^orphan_file'
  const format = ['-q', '-F', '-L', 'root', '-U', root_uuid, '-O', features, '-E', offset]
  await runCommand(['mkfs.ext4', ...format, '-d', root, image, size], run)
  await rm(root, { recursive: true, force: true })
  await truncate(image, virtual_size_bytes)

  progress('Packing as qcow2', 0.85)
  const size_bytes = await packQcow2(image, options.out, signal)
  const sha256 = await sha256OfFile(options.out)
  progress('Done', 1)
  return {
    name: 'debian-12',
    path: options.out,
    format: 'qcow2',
    size_bytes,
    virtual_size_bytes,
    sha256,
    kernel_version,
    min_memory_mib: 256,
    packages,
  }
}

async function bootstrap(root: string, options: BuildOptions): Promise<void> {
  const { work_dir, environment, signal } = options
  const lines = sourceLines(await aptSources({ work_dir, environment, signal }))
  const excluded = ['/usr/share/doc/*', '/usr/share/man/*', '/usr/share/locale/*'].map(
    path => `--dpkgopt=path-exclude=${path}`,
  )
  const argv = ['--mode=root', '--variant=minbase', '--architectures=amd64', `--include=${guestPackages.join(',')}`]
    .concat('--aptopt=Acquire::Languages "none"', ...excluded)
    .concat(suite, root, ...lines)
  try {
    await runCommand(['mmdebstrap', ...argv], {
      timeout_ms: 3_600_000,
      ...(environment ? { environment } : {}),
      ...(signal ? { signal } : {}),
    })
  } catch (cause) {
    if (!(cause instanceof CommandError)) throw cause
    if (cause.failure === 'not_installed') {
      throw new BuildError('missing_package', 'mmdebstrap is missing: install the package mmdebstrap.', { cause })
    }
    throw new BuildError('failed', `Debian could not be put together: ${cause.message}`, { cause })
  }
}

/** Lines for sources.list: bookworm and its updates from where this machine gets them, or from its Debian mirror. */
export function sourceLines(sources: readonly AptSource[]): string[] {
  const debian = sources.filter(one => one.origin === 'Debian' && one.component === 'main')
  const own = debian.filter(one => [suite, `${suite}-updates`, `${suite}-security`].includes(one.codename))
  if (own.some(one => one.codename === suite)) {
    return [...new Set(own.map(one => `deb ${one.uri} ${one.codename} main`))]
  }
  // A newer Debian: its mirror has the older release too. Security updates lie elsewhere, on a mirror of their own.
  const base = debian.find(one => !one.codename.includes('-'))
  if (!base) {
    throw new BuildError(
      'unsupported',
      "apt on this machine has no Debian mirror to take Debian 12 from: add one to apt's sources and run 'apt-get update'.",
    )
  }
  const security = debian.find(one => one.codename.endsWith('-security'))
  return [
    `deb ${base.uri} ${suite} main`,
    `deb ${base.uri} ${suite}-updates main`,
    ...(security ? [`deb ${security.uri} ${suite}-security main`] : []),
  ]
}

async function requireLink(root: string, link: string): Promise<void> {
  await access(join(root, link)).catch((cause: unknown) => {
    throw new BuildError('failed', `The new system has no /${link}, which GRUB would start.`, { cause })
  })
}

async function installedPackages(root: string): Promise<{ name: string; version: string }[]> {
  const status = await readFile(join(root, 'var/lib/dpkg/status'), 'utf8')
  return status.split('\n\n').flatMap(paragraph => {
    const [, name] = /^Package: (.+)$/m.exec(paragraph) ?? []
    const [, version] = /^Version: (.+)$/m.exec(paragraph) ?? []
    return name && version ? [{ name, version }] : []
  })
}
