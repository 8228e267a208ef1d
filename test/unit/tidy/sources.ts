/**
 * The project's own sources as the tidy test reads them: every module with its text and what it imports. Imports are
 * found by how the formatter writes them, at the start of a line; there is no parser of TypeScript here.
 */
import { globSync, readFileSync } from 'node:fs'
import path from 'node:path'

export const root = path.resolve(import.meta.dirname, '../../..')

export interface Import {
  /** As written: './x.ts', 'node:fs', 'pg'. */
  readonly specifier: string
  /** The file meant, from the repository's root; null for Node's own modules and packages. */
  readonly file: string | null
  /** It leaves no trace at run time. */
  readonly type_only: boolean
  /** `import('…')`: read when it is needed, and not at the start. */
  readonly dynamic: boolean
}

export interface Module {
  /** From the repository's root, such as 'src/model/ids.ts'. */
  readonly file: string
  readonly text: string
  readonly lines: readonly string[]
  readonly imports: readonly Import[]
}

const statement = /^(?:import|export)\s+(type\s)?(?:[^'"`;=]*?\sfrom\s+)?'([^'\n]+)'/gm
const dynamic = /\bimport\(\s*'([^'\n]+)'\s*\)/g
/** A program that is started as a process of its own: `new URL('./x.ts', import.meta.url)`, `join(here, 'x.ts')`. */
const started = /'((?:\.{1,2}\/)*[\w./-]+\.ts)'/g

function importsOf(file: string, text: string): Import[] {
  const found: Import[] = []
  const add = (specifier: string, type_only: boolean, dynamic = false) => {
    const relative = specifier.startsWith('.') && !specifier.endsWith('.css')
    found.push({ specifier, type_only, dynamic, file: relative ? path.join(path.dirname(file), specifier) : null })
  }
  for (const [, type, specifier = ''] of text.matchAll(statement)) add(specifier, type !== undefined)
  for (const [, specifier = ''] of text.matchAll(dynamic)) add(specifier, false, true)
  return found
}

function read(file: string): Module {
  const text = readFileSync(path.join(root, file), 'utf8')
  return { file, text, lines: text.split('\n'), imports: importsOf(file, text) }
}

/** Every TypeScript module under these folders. */
export function modulesOf(...folders: readonly string[]): Module[] {
  return folders.flatMap(folder => globSync(`${folder}/**/*.{ts,tsx}`, { cwd: root }).sort()).map(read)
}

export const source = modulesOf('src')
export const everything = [...source, ...modulesOf('sim', 'bench', 'scripts', 'test')]

/** Files that a module names in a string, as it does for programs that it starts; relative to its folder or the root. */
export function filesNamed(module: Module): string[] {
  return [...module.text.matchAll(started)].flatMap(([, name = '']) => [
    path.join(path.dirname(module.file), name),
    path.normalize(name),
  ])
}
