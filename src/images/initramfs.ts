/**
 * Writes an initramfs: a "newc" cpio archive, gzipped. Everything belongs to root and has one time, so that the same
 * files give the same bytes. Format: the kernel's Documentation/driver-api/early-userspace/buffer-format.rst.
 */
import { constants, gzipSync } from 'node:zlib'
import type { TreeEntry } from './tree.ts'

const typeBits = { file: 0o100000, directory: 0o040000, link: 0o120000 } as const

/** The entries in the order given; a directory must come before what is in it. */
export function packInitramfs(entries: readonly TreeEntry[], time_s: number): Buffer {
  const parts: Buffer[] = []
  for (const [index, entry] of entries.entries()) {
    const content = entry.type === 'file' ? entry.content : Buffer.from(entry.type === 'link' ? entry.target : '')
    const mode = typeBits[entry.type] | entry.mode
    parts.push(...record(index + 1, entry.path, mode, entry.type === 'directory' ? 2 : 1, content, time_s))
  }
  parts.push(...record(0, 'TRAILER!!!', 0, 1, Buffer.alloc(0), 0))
  return gzipSync(Buffer.concat(parts), { level: constants.Z_BEST_COMPRESSION })
}

function record(inode: number, path: string, mode: number, links: number, content: Buffer, time_s: number): Buffer[] {
  const name = Buffer.from(`${path}\0`)
  // inode, mode, uid, gid, links, mtime, size, device major and minor, special device major and minor, name, checksum
  const fields = [inode, mode, 0, 0, links, time_s, content.length, 0, 0, 0, 0, name.length, 0]
  const header = Buffer.from(`070701${fields.map(value => value.toString(16).padStart(8, '0')).join('')}`)
  return [header, name, padding(header.length + name.length), content, padding(content.length)]
}

function padding(length: number): Buffer {
  return Buffer.alloc((4 - (length % 4)) % 4)
}
