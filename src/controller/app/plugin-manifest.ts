/** What a plug-in says of itself in plugin.json, looked at before anything of it is handed out. Pure. */
import { Value } from 'typebox/value'
import { allRoutes, contract } from '../../api/index.ts'
import { PluginManifest } from '../../api/plugin.ts'
import { never_for_plugins, plugin_limits } from '../../model/plugin.ts'

/** Why a plug-in is not shown, in words for the operator: what, and what to do. */
export class PluginRefused extends Error {}

const problems_max = 5

/**
 * `text`: of plugin.json. `folder`: the name of the plug-in's folder. `files`: what else is in it, as paths from there.
 * Throws PluginRefused, which names the first things that are wrong.
 */
export function parseManifest(text: string, folder: string, files: { has(name: string): boolean }): PluginManifest {
  if (text.length > plugin_limits.manifest_bytes_max)
    throw new PluginRefused(`plugin.json is longer than ${plugin_limits.manifest_bytes_max} bytes. Make it shorter.`)
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    throw new PluginRefused(`plugin.json is not JSON: ${error instanceof Error ? error.message : String(error)}`)
  }
  refuseFor(misshapen(value))
  const manifest = value as PluginManifest
  refuseFor(faultsOf(manifest, folder, files))
  return manifest
}

function refuseFor(problems: readonly string[]): void {
  if (problems.length === 0) return
  const more = problems.length > problems_max ? ` And ${problems.length - problems_max} more.` : ''
  throw new PluginRefused(`plugin.json: ${problems.slice(0, problems_max).join(' ')}${more}`)
}

function misshapen(value: unknown): string[] {
  if (Value.Check(PluginManifest, value)) return []
  const found = new Set<string>()
  for (const { instancePath, message, keyword, params } of Value.Errors(PluginManifest, value)) {
    const where = instancePath === '' ? 'it' : instancePath.slice(1).replaceAll('/', '.')
    const named = keyword === 'additionalProperties' ? ` (${strangers(params)})` : ''
    found.add(`${where} ${message}${named}.`)
  }
  return [...found]
}

function strangers(params: unknown): string {
  const { additionalProperties: names } = params as { additionalProperties?: unknown }
  return Array.isArray(names) ? names.join(', ') : ''
}

const byName = new Map(allRoutes.map(route => [route.name as string, route]))

/** What the shape alone does not tell. */
function faultsOf(manifest: PluginManifest, folder: string, files: { has(name: string): boolean }): string[] {
  const { id, title, description, tabs = [], pages = [], routes = [], events = [] } = manifest
  const faults: string[] = []
  if (id !== folder) faults.push(`id is "${id}", but its folder is called "${folder}". Give both the same name.`)
  if (tabs.length + pages.length === 0) faults.push('it has neither tabs nor pages. Name at least one.')
  for (const texts of [title, description, ...[...tabs, ...pages].map(one => one.title)])
    if (texts && !('en' in texts)) faults.push(`the text ${JSON.stringify(texts)} has no "en", which is the fallback.`)
  for (const { page } of [...tabs, ...pages])
    if (!files.has(page)) faults.push(`the page ${page} is not in the folder.`)
  for (const [kind, all] of [['tab', tabs] as const, ['page', pages] as const])
    for (const one of all)
      if (all.find(other => other.id === one.id) !== one) faults.push(`the ${kind} id ${one.id} is there twice.`)
  for (const { noun } of tabs)
    if (!isNoun(noun) || !('get' in contract[noun])) faults.push(`there is no noun "${noun}" with pages of its own.`)
  for (const noun of events) if (!isNoun(noun)) faults.push(`there is no noun "${noun}" to hear events of.`)
  return [...faults, ...routes.flatMap(name => faultOfRoute(name) ?? [])]
}

const isNoun = (noun: string): noun is keyof typeof contract => Object.hasOwn(contract, noun)

function faultOfRoute(name: string): string | undefined {
  const route = byName.get(name)
  if (!route) return `there is no route "${name}"; openapi.json names them all.`
  const why = never_for_plugins[name]
  if (why !== undefined) return `the route ${name} is not for plug-ins: ${why}. Leave it out.`
  if (route.stream || route.takes)
    return `the route ${name} carries bytes and no values, which plug-ins cannot have. Leave it out.`
  return undefined
}
