/**
 * The contract as the CLI reads it: routes with plain JSON schemas. Building them takes the schema library 60 ms, so they are
 * kept beside the user's other caches and built again when a file of the contract has changed.
 * Not its job: what a command makes of a route (command-shape.ts).
 */
import { mkdirSync, readdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import type { Route } from '../api/route.ts'

/** The part of JSON Schema (2020-12) that the contract uses. */
export interface Schema {
  type?: 'string' | 'integer' | 'number' | 'boolean' | 'object' | 'array' | 'null'
  enum?: readonly (string | number)[]
  const?: unknown
  anyOf?: readonly Schema[]
  items?: Schema
  minItems?: number
  properties?: Readonly<Record<string, Schema>>
  patternProperties?: Readonly<Record<string, Schema>>
  required?: readonly string[]
  format?: string
  contentEncoding?: string
  description?: string
  default?: unknown
  minimum?: number
  maximum?: number
}

/** A route whose schemas are read as data. */
export interface RouteValue extends Omit<Route, 'params' | 'query' | 'body' | 'reply'> {
  params?: Schema
  query?: Schema
  body?: Schema
  reply?: Schema
}

/** Routes by noun and by verb: nouns['security-group']['add-rule']. */
export type Nouns = Readonly<Record<string, Readonly<Record<string, RouteValue>>>>

/** The field that a noun's things are known by, if its list can be asked for it. */
export function naturalKey(list: RouteValue | undefined): 'name' | 'address' | undefined {
  const filters = list?.query?.properties ?? {}
  return filters.name ? 'name' : filters.address ? 'address' : undefined
}

const sources = ['../api', '../model'].map(folder => path.join(import.meta.dirname, folder))

/** What the contract is made of, as names, sizes and times of change; a checkout or an update changes it. */
function stampOf(): string {
  return sources
    .flatMap(folder => readdirSync(folder).map(name => path.join(folder, name)))
    .map(file => {
      const { size, mtimeMs } = statSync(file)
      return `${file} ${size} ${mtimeMs}`
    })
    .join('\n')
}

/** `cache_dir` undefined: nothing is kept. */
export async function loadNouns(cache_dir: string | undefined): Promise<Nouns> {
  const stamp = stampOf()
  const file = cache_dir && path.join(cache_dir, 'contract.json')
  const kept = file && readKept(file, stamp)
  if (kept) return kept
  const nouns = await buildNouns()
  if (file) keep(file, { stamp, nouns })
  return nouns
}

/** From the contract itself. */
export async function buildNouns(): Promise<Nouns> {
  const { allRoutes } = await import('../api/index.ts')
  const nouns: Record<string, Record<string, RouteValue>> = {}
  for (const route of allRoutes) {
    const [noun = '', verb = ''] = route.name.split('.')
    ;(nouns[noun] ??= {})[verb] = route
  }
  return JSON.parse(JSON.stringify(nouns)) as Nouns
}

function readKept(file: string, stamp: string): Nouns | undefined {
  try {
    const kept = JSON.parse(readFileSync(file, 'utf8')) as { stamp: string; nouns: Nouns }
    return kept.stamp === stamp ? kept.nouns : undefined
  } catch {
    // Missing or half written: it is only a cache, and is made again.
    return undefined
  }
}

function keep(file: string, content: { stamp: string; nouns: Nouns }): void {
  try {
    mkdirSync(path.dirname(file), { recursive: true, mode: 0o700 })
    const own = `${file}.${process.pid}`
    writeFileSync(own, JSON.stringify(content), { mode: 0o600 })
    renameSync(own, file)
  } catch {
    // A read-only or full home costs time at each command, nothing else.
  }
}
