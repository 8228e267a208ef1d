/**
 * A tree of files to be put into an image, as values: where each goes, its mode, its content. Owners are always root.
 * Not its job: writing it anywhere (initramfs.ts, ext4.ts).
 */
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'

export type TreeEntry =
  | { type: 'directory'; path: string; mode: number }
  | { type: 'file'; path: string; mode: number; content: Buffer }
  | { type: 'link'; path: string; mode: number; target: string }

export class Tree {
  readonly #entries = new Map<string, TreeEntry>()

  /** Paths are relative to the root, without a slash in front. Missing parents are made. */
  directory(path: string, mode = 0o755): this {
    this.#parents(path)
    this.#entries.set(path, { type: 'directory', path, mode })
    return this
  }

  /** Without a mode, a script (it begins with #!) can be run and anything else only read. */
  file(path: string, content: Buffer, mode = content.subarray(0, 2).toString() === '#!' ? 0o755 : 0o644): this {
    this.#parents(path)
    this.#entries.set(path, { type: 'file', path, mode, content })
    return this
  }

  link(path: string, target: string): this {
    this.#parents(path)
    this.#entries.set(path, { type: 'link', path, mode: 0o777, target })
    return this
  }

  has(path: string): boolean {
    return this.#entries.has(path)
  }

  /** Adds the files under a folder of this machine, by their content only: modes and owners there do not matter. */
  async folder(from: string, to = ''): Promise<this> {
    const names = await readdir(from, { withFileTypes: true, recursive: true })
    for (const name of names) {
      if (!name.isFile()) continue
      const source = join(name.parentPath, name.name)
      this.file(join(to, source.slice(from.length).replace(/^\/+/, '')), await readFile(source))
    }
    return this
  }

  /** Sorted by path, so that parents come first and the same tree is always written the same way. */
  entries(): TreeEntry[] {
    return [...this.#entries.values()].sort((a, b) => (a.path < b.path ? -1 : 1))
  }

  #parents(path: string): void {
    const parent = path.split('/').slice(0, -1).join('/')
    if (parent !== '' && !this.#entries.has(parent)) this.directory(parent)
  }
}
