/**
 * A Vite plugin that keeps languages apart: in the sources a catalogue (src/ui/<folder>/text.ts) has all languages side by side; what a
 * browser loads is one file of the words of all catalogues in the language in use, `virtual:croft-words/<language>`.
 */
import { globSync } from 'node:fs'
import path from 'node:path'
import type { Plugin } from 'vite'

const prefix = '\0virtual:croft-words/'
const public_prefix = prefix.slice(1)
const ui = path.join(import.meta.dirname, '../../src/ui')
const catalogue_files = '{*/text.ts,text/shared.ts}'

export function wordsPlugin(): Plugin {
  return {
    name: 'croft-words',
    enforce: 'pre',
    resolveId: id => (id.startsWith(public_prefix) ? `\0${id}` : undefined),
    async load(id) {
      if (!id.startsWith(prefix)) return undefined
      return `export const words = JSON.parse(${JSON.stringify(JSON.stringify(await wordsOf(id.slice(prefix.length))))})`
    },
    transform(code, id) {
      const name = nameOf(path.relative(ui, id.replace(/\?.*$/, '')))
      if (name === null) return undefined
      return { code: withoutWords(code, name, source => this.parse(source, { lang: 'ts' }).body), map: null }
    },
  }
}

/** The folder: 'instance'; null for what is no catalogue. */
function nameOf(file: string): string | null {
  return path.matchesGlob(file, catalogue_files) ? path.dirname(file) : null
}

async function wordsOf(language: string): Promise<Record<string, Record<string, string>>> {
  const all: Record<string, Record<string, string>> = {}
  for (const file of globSync(catalogue_files, { cwd: ui }).sort()) {
    const { words } = (await import(path.join(ui, file))) as {
      words: { messages: Record<string, Record<string, string>> }
    }
    const own = words.messages[language]
    if (!own) throw new Error(`${file} has no words in the language '${language}'.`)
    all[nameOf(file) ?? file] = own
  }
  return all
}

interface Node {
  type: string
  start: number
  end: number
  declaration?: { declarations?: { init?: Node & { callee?: Node & { name?: string } } }[] } | null
}

/** `export const words = catalogue({…})` becomes `export const words = builtCatalogue('instance')`; what else the file has stays. */
function withoutWords(code: string, name: string, parse: (code: string) => unknown[]): string {
  for (const node of parse(code) as Node[]) {
    const call = node.declaration?.declarations?.[0]?.init
    if (node.type !== 'ExportNamedDeclaration' || call?.callee?.name !== 'catalogue') continue
    const built = `${code.slice(0, call.start)}builtCatalogue(${JSON.stringify(name)})${code.slice(call.end)}`
    return built.replace(/import \{ catalogue \} from/, 'import { builtCatalogue } from')
  }
  throw new Error(`src/ui/${name}: a catalogue is written as \`export const words = catalogue({ … })\`.`)
}
