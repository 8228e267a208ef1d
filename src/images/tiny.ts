/**
 * The recipe of `tiny`: a bootable disk of some 19 MB for trying things and for tests, from Debian packages alone, built
 * in seconds. Kernel, busybox, dropbear, guest agent, GRUB, and the scripts in tiny/. It takes DHCP, config drive and metadata, keys,
 * user data, keeps its disk, obeys the power button. Not its job: being a server; debian-12 is for that.
 *
 * Most of its guests are emulated, so what it boots with is chosen for that. Seconds of QEMU's CPU until READY, before and
 * after that choice (virtio disk, packed qcow2): firmware and GRUB 5.2 → 2.6, kernel and scripts 10.4 → 4.8.
 */
import { mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { runCommand } from '../lib/disk-image/command.ts'
import {
  type AptPackage,
  downloadPackage,
  exists,
  firstKnown,
  resolvePackages,
  sha256OfFile,
  unpackPackage,
} from './apt.ts'
import { bootDiskPackages, makeBootDisk, packQcow2, partition_offset_bytes } from './boot-disk.ts'
import { BuildError, type BuildOptions, type BuiltImage, type Recipe } from './build.ts'
import { elfNeeds } from './elf.ts'
import { makeExt4 } from './ext4.ts'
import { packInitramfs } from './initramfs.ts'
import { type KernelModule, KernelModules } from './kernel-modules.ts'
import { Tree } from './tree.ts'

/** One UUID and one time for every build: the same packages give the same image. */
const root_uuid = '74696e79-0000-4000-8000-63726f667401'
const disk_id = 0x796e6974
const time_s = Date.UTC(2026, 0, 1) / 1000

const virtual_size_bytes = 128 * 1024 * 1024

/** Debian's kernel for virtual machines, and Ubuntu's. */
const kernelPackages = ['linux-image-cloud-amd64', 'linux-image-virtual'] as const

/** The guest agent and the libraries that it and they ask for. */
const agentParts = /^(qemu-guest-agent|lib(glib2|pcre2|numa|udev|uring|cap)[^ ]*)$/

/** Before the root disk can be mounted. */
const diskModules = ['virtio_pci', 'virtio_blk', 'virtio_scsi', 'sd_mod', 'ata_piix', 'ahci', 'nvme', 'ext4']
/** Afterwards, from the root disk. */
const otherModules =
  'virtio_net af_packet virtio_rng virtio_balloon virtio_console button evdev sr_mod isofs vfat nls_cp437 nls_ascii nls_iso8859_1'.split(
    ' ',
  )

/**
 * linux16, not linux: that one moves the kernel's whole working memory, 54 MB, byte by byte to where the kernel wants it.
 * cryptomgr.notests: else the kernel tries each of its algorithms, a third of its start.
 */
const grubScript = [
  'serial --unit=0 --speed=115200',
  'terminal_output serial console',
  'set root=$root',
  // A test image for one user: the guards between processes cost much under emulation and protect nobody here.
  `linux16 /boot/vmlinuz root=UUID=${root_uuid} console=tty0 console=ttyS0,115200 quiet panic=5 net.ifnames=0` +
    ' scsi_mod.scan=sync random.trust_cpu=on mitigations=off cryptomgr.notests',
  'initrd16 /boot/initramfs',
  'boot',
  '',
].join('\n')
const grubModules = ['biosdisk', 'part_msdos', 'ext2', 'linux16', 'serial', 'terminal']

export const tiny: Recipe = {
  name: 'tiny',
  title: 'Tiny',
  description: 'Boots in seconds in 128 MiB: DHCP, metadata, ssh, a web page. For trying things and for tests.',
  needs_root: false,
  packages: [...bootDiskPackages, { name: 'xz-utils', why: 'unpacks kernel modules' }],
  build: buildTiny,
}

/** Builds the image; some seconds once the packages are there. Throws BuildError, or the signal's reason when aborted. */
export async function buildTiny(options: BuildOptions): Promise<BuiltImage> {
  const arch = options.arch ?? 'x86_64'
  if (arch !== 'x86_64') {
    throw new BuildError('unsupported', `tiny boots from a PC BIOS and is built for x86_64 only, not for ${arch}.`)
  }
  await mkdir(options.work_dir, { recursive: true })
  await mkdir(dirname(options.out), { recursive: true })
  const scratch_dir = await mkdtemp(join(options.work_dir, 'tiny-'))
  try {
    return await build(options, scratch_dir)
  } finally {
    await rm(scratch_dir, { recursive: true, force: true })
  }
}

async function build(options: BuildOptions, scratch_dir: string): Promise<BuiltImage> {
  const { signal } = options
  const progress = (step: string, fraction: number): void => options.on_progress?.({ step, fraction })
  progress('Looking up packages', 0)
  const { packages, folders } = await fetchPackages(options)

  progress('Putting files together', 0.6)
  const kernel = await findKernel(folders)
  const modules = await KernelModules.open(kernel.module_folders, scratch_dir)
  const initial = await modules.inLoadOrder(diskModules)
  const loaded = new Set(initial.map(one => one.name))
  const later = (await modules.inLoadOrder(otherModules)).filter(one => !loaded.has(one.name))
  const programs = new Programs(packages, folders)
  const initramfs = packInitramfs((await initramfsTree(programs, initial)).entries(), time_s)
  const root = await rootTree(programs, later)
  root.file('boot/vmlinuz', await readFile(kernel.path)).file('boot/initramfs', initramfs)

  progress('Writing the disk', 0.7)
  const image = join(scratch_dir, 'tiny.raw')
  const grub = { script: grubScript, modules: grubModules, scratch_dir, signal }
  await makeBootDisk(image, virtual_size_bytes, disk_id, grub)
  await makeExt4(root.entries(), {
    image,
    offset_bytes: partition_offset_bytes,
    size_bytes: virtual_size_bytes - partition_offset_bytes,
    label: 'tiny',
    uuid: root_uuid,
    time_s,
    scratch_dir,
    signal,
  })

  progress('Packing as qcow2', 0.85)
  const size_bytes = await packQcow2(image, options.out, signal)
  const sha256 = await sha256OfFile(options.out)
  progress('Done', 1)
  return {
    name: 'tiny',
    path: options.out,
    format: 'qcow2',
    size_bytes,
    virtual_size_bytes,
    sha256,
    kernel_version: kernel.version,
    min_memory_mib: 128,
    packages: packages.map(({ name, version }) => ({ name, version })),
  }
}

async function fetchPackages(options: BuildOptions): Promise<{ packages: AptPackage[]; folders: string[] }> {
  const { work_dir, environment, signal } = options
  const apt = { work_dir, environment, signal }
  const kernel = await firstKnown(kernelPackages, apt)
  if (!kernel) {
    const names = kernelPackages.join(', ')
    throw new BuildError('unsupported', `apt knows none of ${names}: run 'apt-get update', on Debian or Ubuntu.`)
  }
  const packages = await resolvePackages(
    [
      { install: [kernel], wanted: name => /^linux-(image|modules)-\d/.test(name) },
      { install: ['busybox-static', 'dropbear-bin'], wanted: () => true },
      // For blkid, the one command that the static busybox is built without.
      { install: ['busybox'], wanted: name => name === 'busybox' },
      // Without what only its installation needs, such as Perl.
      { install: ['qemu-guest-agent'], wanted: name => agentParts.test(name) },
    ],
    apt,
  )
  const folders: string[] = []
  for (const [index, entry] of packages.entries()) {
    options.on_progress?.({
      step: `Fetching ${entry.name} ${entry.version}`,
      fraction: 0.1 + (0.5 * index) / packages.length,
    })
    folders.push(await unpackPackage(entry, await downloadPackage(entry, apt), apt))
  }
  return { packages, folders }
}

async function findKernel(
  folders: readonly string[],
): Promise<{ version: string; path: string; module_folders: string[] }> {
  for (const folder of folders) {
    const names = await readdir(join(folder, 'boot')).catch(() => [])
    const file = names.find(name => name.startsWith('vmlinuz-'))
    if (!file) continue
    const version = file.slice('vmlinuz-'.length)
    const module_folders: string[] = []
    for (const one of folders) {
      for (const place of [`lib/modules/${version}`, `usr/lib/modules/${version}`]) {
        if (await exists(join(one, place))) module_folders.push(join(one, place))
      }
    }
    return { version, path: join(folder, 'boot', file), module_folders }
  }
  throw new BuildError('failed', 'The kernel packages hold no kernel: /boot/vmlinuz-… is missing.')
}

/** Programs and the libraries they ask for, found in the unpacked packages. */
class Programs {
  readonly #packages: readonly AptPackage[]
  readonly #folders: readonly string[]

  constructor(packages: readonly AptPackage[], folders: readonly string[]) {
    this.#packages = packages
    this.#folders = folders
  }

  /** `of`: the package, where more than one has a program of that name. */
  async add(tree: Tree, program: string, as: string, of?: string): Promise<void> {
    const content = await readFile(await this.path(program, of))
    tree.file(as, content, 0o755)
    const { interpreter, libraries } = elfNeeds(content)
    if (interpreter) await this.#addFile(tree, interpreter.slice(1))
    for (const library of libraries) await this.#addLibrary(tree, library)
  }

  /** Where the program lies on the machine that builds. */
  async path(program: string, of?: string): Promise<string> {
    const folders = this.#folders.filter((_, index) => of === undefined || this.#packages[index]?.name === of)
    return find([program, `usr/${program}`], folders)
  }

  async #addLibrary(tree: Tree, name: string): Promise<void> {
    const to = `lib/x86_64-linux-gnu/${name}`
    if (tree.has(to) || name.startsWith('ld-linux')) return
    const content = await readFile(await find([to, `usr/${to}`], this.#folders))
    tree.file(to, content)
    for (const needed of elfNeeds(content).libraries) await this.#addLibrary(tree, needed)
  }

  async #addFile(tree: Tree, path: string): Promise<void> {
    if (tree.has(path)) return
    const places = [path, `usr/${path}`, `lib/x86_64-linux-gnu/${path.split('/').at(-1)}`]
    tree.file(path, await readFile(await find(places, this.#folders)), 0o755)
  }
}

async function find(places: readonly string[], folders: readonly string[]): Promise<string> {
  for (const folder of folders) {
    for (const place of places) if (await exists(join(folder, place))) return join(folder, place)
  }
  throw new BuildError('failed', `None of the packages holds ${places.join(' or ')}.`)
}

async function initramfsTree(programs: Programs, modules: readonly KernelModule[]): Promise<Tree> {
  const tree = new Tree()
  for (const folder of ['proc', 'sys', 'dev', 'root']) tree.directory(folder)
  await addBusybox(tree, programs)
  await tree.folder(join(import.meta.dirname, 'tiny/initramfs'))
  addModules(tree, 'modules', modules)
  return tree
}

async function rootTree(programs: Programs, modules: readonly KernelModule[]): Promise<Tree> {
  const tree = new Tree()
  for (const folder of ['proc', 'sys', 'dev', 'run', 'mnt', 'srv', 'sbin', 'usr/bin', 'usr/sbin', 'var/lib/tiny']) {
    tree.directory(folder)
  }
  tree.directory('root', 0o700).directory('root/.ssh', 0o700).directory('tmp', 0o1777)
  tree.directory('etc/dropbear', 0o700).link('var/run', '../run').link('var/log', '../run')
  const busybox = await addBusybox(tree, programs)
  await programs.add(tree, 'bin/busybox', 'sbin/blkid', 'busybox')
  await programs.add(tree, 'sbin/dropbear', 'usr/sbin/dropbear')
  await programs.add(tree, 'bin/dropbearkey', 'usr/bin/dropbearkey')
  await programs.add(tree, 'sbin/qemu-ga', 'usr/sbin/qemu-ga')
  await tree.folder(join(import.meta.dirname, 'tiny/rootfs'))
  tree.file('etc/shadow', await readFile(join(import.meta.dirname, 'tiny/rootfs/etc/shadow')), 0o600)
  // What `busybox --install -s` would do at the first start, when it takes longer than here.
  const { stdout } = await runCommand([busybox, '--list-full'])
  for (const path of ['sbin/init', ...stdout.split('\n').filter(Boolean)]) {
    if (!tree.has(path)) tree.link(path, '/bin/busybox')
  }
  addModules(tree, 'lib/tiny-modules', modules)
  return tree
}

/**
 * The static one: it starts faster without a dynamic loader, and its shell runs most of its commands in a fork of itself,
 * without even that start. Under emulation the scripts take half the time. Returns where it lies on this machine.
 */
async function addBusybox(tree: Tree, programs: Programs): Promise<string> {
  await programs.add(tree, 'bin/busybox', 'bin/busybox', 'busybox-static')
  return programs.path('bin/busybox', 'busybox-static')
}

function addModules(tree: Tree, folder: string, modules: readonly KernelModule[]): void {
  for (const one of modules) tree.file(`${folder}/${one.name}`, one.content)
  tree.file(`${folder}/order`, Buffer.from(modules.map(one => `${one.name}\n`).join('')))
}
