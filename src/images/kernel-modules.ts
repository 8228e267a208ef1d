/**
 * Chooses and reads kernel modules out of an unpacked kernel package, with what they depend on, in the order in which
 * they must be loaded. Compressed modules (Debian 13, Ubuntu) come out plain, as busybox loads them.
 */
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { zstdDecompress } from 'node:zlib'
import { runCommand } from '../lib/disk-image/command.ts'
import { moduleDepends } from './elf.ts'

export interface KernelModule {
  /** With dashes and underscores as in modprobe: 'virtio_blk'. */
  name: string
  content: Buffer
}

export class KernelModules {
  readonly #files: ReadonlyMap<string, string>
  readonly #read = new Map<string, Buffer>()
  readonly #scratch_dir: string

  private constructor(files: ReadonlyMap<string, string>, scratch_dir: string) {
    this.#files = files
    this.#scratch_dir = scratch_dir
  }

  /** `folders`: such as /lib/modules/6.1.0-56-cloud-amd64; more than one where the kernel is split into packages. */
  static async open(folders: readonly string[], scratch_dir: string): Promise<KernelModules> {
    const files = new Map<string, string>()
    for (const folder of folders) {
      for (const entry of await readdir(folder, { withFileTypes: true, recursive: true })) {
        const [, name] = /^(.+)\.ko(\.xz|\.zst)?$/.exec(entry.name) ?? []
        if (name) files.set(normal(name), join(entry.parentPath, entry.name))
      }
    }
    return new KernelModules(files, scratch_dir)
  }

  /** Modules that this kernel does not have are left out: it has them built in, or its guests go without. */
  async inLoadOrder(names: readonly string[]): Promise<KernelModule[]> {
    const order = new Map<string, Buffer>()
    const visit = async (name: string): Promise<void> => {
      const content = order.has(name) ? undefined : await this.#content(name)
      if (!content) return
      for (const needed of moduleDepends(content)) await visit(normal(needed))
      order.set(name, content)
    }
    for (const name of names) await visit(normal(name))
    return [...order].map(([name, content]) => ({ name, content }))
  }

  async #content(name: string): Promise<Buffer | undefined> {
    const path = this.#files.get(name)
    if (!path) return undefined
    const known = this.#read.get(name)
    if (known) return known
    const content = withoutSignature(await plain(path, this.#scratch_dir))
    this.#read.set(name, content)
    return content
  }
}

async function plain(path: string, scratch_dir: string): Promise<Buffer> {
  if (path.endsWith('.zst')) return promisify(zstdDecompress)(await readFile(path))
  if (!path.endsWith('.xz')) return readFile(path)
  // xz writes beside what it reads, so on a copy.
  const copy = join(scratch_dir, 'module.ko')
  await runCommand(['cp', path, `${copy}.xz`])
  await runCommand(['xz', '--decompress', '--force', `${copy}.xz`])
  return readFile(copy)
}

const signature_end = '~Module signature appended~\n'
/** Before that text: twelve bytes, the last four of which say how long the signature before them is. */
const signature_fields_bytes = 12

/**
 * A signed module's RSA signature is checked at each loading, which under emulation takes longer than all else of it. It
 * says nothing here: whoever could change a module of the image could change its kernel. Format: the kernel's
 * include/linux/module_signature.h.
 */
export function withoutSignature(module: Buffer): Buffer {
  const fields_at = module.length - signature_end.length - signature_fields_bytes
  if (fields_at < 0 || module.toString('latin1', fields_at + signature_fields_bytes) !== signature_end) return module
  return module.subarray(0, fields_at - module.readUInt32BE(fields_at + signature_fields_bytes - 4))
}

function normal(name: string): string {
  return name.replaceAll('-', '_')
}
