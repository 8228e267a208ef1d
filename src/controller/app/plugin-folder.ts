/**
 * The folder of plug-ins, read whole into memory: what is handed out later is what was read and looked at here, so that no request
 * ever names a path of the disk. Symbolic links, files that anybody may write, and more than the limits are refused.
 * Not its job: what a plug-in may say (plugin-manifest.ts), and who gets what (plugin.ts).
 */
import { createHash } from 'node:crypto'
import { constants, type Dirent } from 'node:fs'
import { open, readdir, stat } from 'node:fs/promises'
import path from 'node:path'
import type { PluginManifest } from '../../api/plugin.ts'
import { plugin_limits } from '../../model/plugin.ts'
import { guardedPage } from './plugin-document.ts'
import { PluginRefused, parseManifest } from './plugin-manifest.ts'

/** By a file's ending; others are not read, such as a README.md. */
export const file_types: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.json': 'application/json',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.jpg': 'image/jpeg',
  '.webp': 'image/webp',
  '.woff2': 'font/woff2',
  '.wasm': 'application/wasm',
  '.txt': 'text/plain; charset=utf-8',
}

export interface PluginFile {
  type: string
  bytes: Buffer
}

export interface ReadPlugin {
  /** Its folder's name. */
  id: string
  problem: string | null
  manifest: PluginManifest | null
  /** By their path in the folder; empty when it is refused. */
  files: ReadonlyMap<string, PluginFile>
  /** Of all that was read, hexadecimal. */
  digest: string
  bytes: number
}

/** Whoever may write there acts for everyone who looks at the plug-in. */
function refuseOpenToAll(mode: number, name: string): void {
  if (mode & 0o002) throw new PluginRefused(`everybody may write ${name}. Take that away: chmod o-w.`)
}

/**
 * Every folder in it, each a plug-in or the reason why not. `visit` is called with each folder before it is read, so that who watches
 * it misses nothing. Rejects as node:fs does when the folder itself cannot be read.
 */
export async function readPlugins(folder: string, visit: (folder: string) => void): Promise<ReadPlugin[]> {
  visit(folder)
  const { mode } = await stat(folder)
  const entries = (await entriesOf(folder)).filter(one => one.isDirectory() || one.isSymbolicLink())
  const read: ReadPlugin[] = []
  for (const [n, entry] of entries.entries()) read.push(await readPlugin(folder, entry, n, mode, visit))
  return read
}

/** Without what is hidden, in an order that is always the same. */
async function entriesOf(folder: string): Promise<Dirent[]> {
  const entries = await readdir(folder, { withFileTypes: true })
  return entries.filter(one => !one.name.startsWith('.')).sort((one, other) => (one.name < other.name ? -1 : 1))
}

async function readPlugin(
  folder: string,
  entry: Dirent,
  n: number,
  mode: number,
  visit: (folder: string) => void,
): Promise<ReadPlugin> {
  const id = entry.name
  const reader = new Reader(path.join(folder, id), visit)
  try {
    if (n >= plugin_limits.plugins_max)
      throw new PluginRefused(`there are more than ${plugin_limits.plugins_max} plug-ins. Take some away.`)
    refuseOpenToAll(mode, 'the folder of plug-ins')
    if (entry.isSymbolicLink())
      throw new PluginRefused(
        'it is a symbolic link. Put the folder itself here, so that nothing else decides what it is.',
      )
    await reader.readFolder('', 0)
    const manifest = reader.files.get(manifest_name)
    if (!manifest) throw new PluginRefused(`there is no ${manifest_name} in it. Write one: docs/plug-ins.md.`)
    return { ...reader.told(id), manifest: parseManifest(manifest.bytes.toString('utf8'), id, reader.files) }
  } catch (error) {
    // Whatever the disk says is told to the operator, too: the other plug-ins are none the worse for it.
    const problem = error instanceof PluginRefused ? error.message : `it cannot be read: ${String(error)}`
    return { ...reader.told(id), files: new Map(), problem }
  }
}

const manifest_name = 'plugin.json'
const depth_max = 8

class Reader {
  readonly files = new Map<string, PluginFile>()
  private readonly root: string
  private readonly visit: (folder: string) => void
  private readonly hash = createHash('sha256')
  private folders = 0
  private bytes = 0

  constructor(root: string, visit: (folder: string) => void) {
    this.root = root
    this.visit = visit
  }

  told(id: string): ReadPlugin {
    const digest = this.hash.copy().digest('hex').slice(0, 32)
    return { id, problem: null, manifest: null, files: this.files, digest, bytes: this.bytes }
  }

  /** `below`: its path in the plug-in's folder, with a slash at the end unless it is empty. */
  async readFolder(below: string, depth: number): Promise<void> {
    if (++this.folders > plugin_limits.folders_max || depth > depth_max)
      throw new PluginRefused(`it has more than ${plugin_limits.folders_max} folders, or deeper than ${depth_max}.`)
    const folder = path.join(this.root, below)
    this.visit(folder)
    refuseOpenToAll((await stat(folder)).mode, below === '' ? 'its folder' : below)
    for (const entry of await entriesOf(folder)) {
      const name = below + entry.name
      if (entry.isDirectory()) await this.readFolder(`${name}/`, depth + 1)
      else if (entry.isSymbolicLink())
        throw new PluginRefused(`${name} is a symbolic link. Put the file itself there: nothing outside is handed out.`)
      else await this.readFile(name)
    }
  }

  private async readFile(name: string): Promise<void> {
    const type = file_types[path.extname(name)]
    if (type === undefined) return
    if (this.files.size >= plugin_limits.files_max)
      throw new PluginRefused(`it has more than ${plugin_limits.files_max} files.`)
    const bytes = await readPlain(path.join(this.root, name), name)
    this.bytes += bytes.length
    if (this.bytes > plugin_limits.plugin_bytes_max)
      throw new PluginRefused(`its files are larger than ${plugin_limits.plugin_bytes_max} bytes in all.`)
    this.hash.update(`${name}\n${bytes.length}\n`).update(bytes)
    this.files.set(name, { type, bytes: name.endsWith('.html') ? guardedPage(bytes, name) : bytes })
  }
}

/** Of what has become a link or a pipe since its folder was read, neither is followed nor waited for. */
async function readPlain(file: string, name: string): Promise<Buffer> {
  await using handle = await open(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
  const { mode, size } = await handle.stat()
  if ((mode & constants.S_IFMT) !== constants.S_IFREG) throw new PluginRefused(`${name} is no plain file.`)
  refuseOpenToAll(mode, name)
  if (size > plugin_limits.file_bytes_max)
    throw new PluginRefused(`${name} is larger than ${plugin_limits.file_bytes_max} bytes.`)
  return await handle.readFile()
}
