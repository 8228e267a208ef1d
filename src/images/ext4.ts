/**
 * Makes an ext4 file system with a given content inside a disk image, without mounting and without root: mkfs.ext4 makes
 * it, debugfs fills it. Entries are written in one order, with one time and owner root, so that the same tree gives the
 * same bytes (mkfs.ext4 -d copies the builder's own ids and the order in which its disk lists the files).
 */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { CommandError, runCommand } from '../lib/disk-image/command.ts'
import { BuildError } from './build.ts'
import type { TreeEntry } from './tree.ts'

export interface Ext4Options {
  /** A file that exists and is large enough. */
  image: string
  offset_bytes: number
  size_bytes: number
  label: string
  uuid: string
  /** The time of everything, in seconds since 1970. */
  time_s: number
  scratch_dir: string
  signal?: AbortSignal | undefined
}

const modeBits = { file: 0o100000, directory: 0o040000, link: 0o120000 } as const

/** Throws BuildError when the tools complain about anything, or when fsck finds a fault in the result. */
export async function makeExt4(tree: readonly TreeEntry[], options: Ext4Options): Promise<void> {
  const { image, offset_bytes, uuid } = options
  const scratch = await mkdtemp(join(options.scratch_dir, 'ext4-'))
  // Read by libext2fs in place of the clock.
  const environment = { E2FSPROGS_FAKE_TIME: String(options.time_s), SOURCE_DATE_EPOCH: String(options.time_s) }
  const run = { environment, timeout_ms: 300_000, ...(options.signal ? { signal: options.signal } : {}) }
  try {
    const extended = `offset=${offset_bytes},hash_seed=${uuid},root_owner=0:0,nodiscard,lazy_itable_init=0`
    // GRUB 2.06 cannot read file systems with a checksum seed or an orphan file; neither matters here.
    const features = '^metadata_csum_seed,^orphan_file,^resize_inode'
    await runCommand(
      [
        'mkfs.ext4',
        '-q',
        '-F',
        '-b',
        '4096',
        '-L',
        options.label,
        '-U',
        uuid,
        '-m',
        '0',
        '-J',
        'size=4',
        '-O',
        features,
      ].concat('-E', extended, image, `${Math.floor(options.size_bytes / 1024)}k`) as [string, ...string[]],
      run,
    ).catch((error: unknown) => {
      throw explained(error)
    })
    const script = await fillScript(tree, scratch, options.time_s)
    const target = `${image}?offset=${offset_bytes}`
    const filled = await runCommand(['debugfs', '-w', '-f', script, target], run)
    // debugfs goes on after a mistake and ends with status 0: what it says beside its banner is an error.
    const complaints = filled.stderr.split('\n').filter(line => line !== '' && !/^debugfs \d/.test(line))
    if (complaints.length > 0) {
      throw new BuildError('failed', `The file system could not be filled: ${complaints.slice(0, 3).join(' / ')}`)
    }
    await runCommand(['e2fsck', '-f', '-n', target], run)
  } finally {
    await rm(scratch, { recursive: true, force: true })
  }
}

async function fillScript(tree: readonly TreeEntry[], scratch: string, time_s: number): Promise<string> {
  const commands: string[] = []
  await mkdir(join(scratch, 'content'))
  for (const [index, entry] of tree.entries()) {
    const slash = entry.path.lastIndexOf('/')
    const name = entry.path.slice(slash + 1)
    commands.push(`cd "/${entry.path.slice(0, Math.max(slash, 0))}"`)
    if (entry.type === 'directory') {
      commands.push(`mkdir "${name}"`)
    } else if (entry.type === 'link') {
      commands.push(`symlink "${name}" "${entry.target}"`)
    } else {
      const source = join(scratch, 'content', String(index))
      await writeFile(source, entry.content)
      commands.push(`write "${source}" "${name}"`)
    }
    const mode = `0${(modeBits[entry.type] | entry.mode).toString(8)}`
    commands.push(`sif "${name}" mode ${mode}`, `sif "${name}" uid 0`, `sif "${name}" gid 0`)
    for (const field of ['atime', 'ctime', 'mtime', 'crtime']) {
      commands.push(`sif "${name}" ${field} @${time_s}`)
      commands.push(`sif "${name}" ${field}_extra 0`)
    }
  }
  const script = join(scratch, 'fill.debugfs')
  await writeFile(script, `${commands.join('\n')}\n`)
  return script
}

function explained(error: unknown): unknown {
  return error instanceof CommandError && error.failure === 'not_installed'
    ? new BuildError('missing_package', 'mkfs.ext4 is missing: install the package e2fsprogs.', { cause: error })
    : error
}
