/**
 * A built image that is there already is used again: after an upload that broke off, or for the next cloud of this machine.
 * Only what these very recipes made within a day counts, so that neither a changed recipe nor a package's update is missed
 * for long.
 */
import { createHash } from 'node:crypto'
import { readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Static, Type } from 'typebox'
import { Value } from 'typebox/value'
import { sha256OfFile } from './apt.ts'
import { type BuildOptions, type BuiltImage, buildImage } from './recipe.ts'

const used_again_ms = 24 * 3600 * 1000

const Note = Type.Object({
  /** Of the recipes' sources. */
  made_by: Type.String(),
  image: Type.Object({
    name: Type.String(),
    path: Type.String(),
    format: Type.Literal('qcow2'),
    size_bytes: Type.Integer(),
    virtual_size_bytes: Type.Integer(),
    sha256: Type.String(),
    kernel_version: Type.String(),
    min_memory_mib: Type.Integer(),
    packages: Type.ReadonlyType(Type.Array(Type.Object({ name: Type.String(), version: Type.String() }))),
  }),
})
type Note = Static<typeof Note>

/** As `buildImage`; what it made is noted beside the image. */
export async function buildOnce(name: string, options: BuildOptions): Promise<BuiltImage> {
  const note = `${options.out}.json`
  const made_by = await digestOfRecipes()
  const found = await readNote(note)
  if (found?.made_by === made_by && (await isIntact(found.image, options.out)))
    return { ...found.image, path: options.out }
  const image = await buildImage(name, options)
  await writeFile(note, JSON.stringify({ made_by, image } satisfies Note))
  return image
}

async function readNote(file: string): Promise<Note | undefined> {
  try {
    const value: unknown = JSON.parse(await readFile(file, 'utf8'))
    return Value.Check(Note, value) ? value : undefined
  } catch {
    // Not there, or cut off: then it is built, which is always right.
    return undefined
  }
}

async function isIntact(image: Note['image'], path: string): Promise<boolean> {
  try {
    const { mtimeMs, size } = await stat(path)
    if (size !== image.size_bytes || Date.now() - mtimeMs > used_again_ms) return false
    return (await sha256OfFile(path)) === image.sha256
  } catch {
    return false
  }
}

async function digestOfRecipes(): Promise<string> {
  const folder = import.meta.dirname
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  const files = entries.filter(entry => entry.isFile()).map(entry => join(entry.parentPath, entry.name))
  const hash = createHash('sha256')
  for (const file of files.sort()) hash.update(`${file.slice(folder.length)}\n`).update(await readFile(file))
  return hash.digest('hex')
}
