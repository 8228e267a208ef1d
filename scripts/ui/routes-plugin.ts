/**
 * A Vite plugin that reads the contract at build time, in Node, and hands the browser plain data: `virtual:croft-routes` has of each
 * route what a call needs, `virtual:croft-shapes` what it takes. So the schema library and the schemas stay out of the bundle.
 */
import type { Plugin } from 'vite'
import { contract } from '../../src/api/index.ts'
import type { Route } from '../../src/api/route.ts'
import { type CommandShape, commandShape, type Field } from '../../src/cli/command-shape.ts'
import { canBeEmptied, pluralFlag } from '../../src/cli/edit.ts'
import { buildNouns, type RouteValue, type Schema } from '../../src/cli/contract.ts'

const prefix = '\0virtual:'

export function contractPlugin(): Plugin {
  return {
    name: 'croft-contract',
    resolveId: id => (id.startsWith('virtual:croft-') ? `${prefix}${id.slice('virtual:'.length)}` : undefined),
    async load(id) {
      if (id === `${prefix}croft-routes`) return `export const routes = ${literal(slimRoutes())}`
      if (id === `${prefix}croft-shapes`) return `export const shapes = ${literal(await routeShapes())}`
      return undefined
    },
  }
}

/** As browsers read it fastest. */
const literal = (value: unknown) => `JSON.parse(${JSON.stringify(JSON.stringify(value))})`

/** Under the contract's own keys, as the browser's types have them; a route may be named after another noun. */
function slimRoutes(): Record<string, Record<string, object>> {
  const nouns: Record<string, Record<string, object>> = {}
  for (const [noun, routes] of Object.entries(contract as Record<string, Record<string, Route>>)) {
    const slim: Record<string, object> = {}
    nouns[noun] = slim
    for (const [key, { name, method, path, level, needs, on_instance, body }] of Object.entries(routes)) {
      slim[key] = {
        ...{ name, method, path, level, needs },
        ...(on_instance && { on_instance }),
        // Only that there is one: the client asks no more.
        ...(body && { body: true }),
      }
    }
  }
  return nouns
}

async function routeShapes(): Promise<Record<string, object>> {
  const nouns = await buildNouns()
  const all = Object.values(nouns).flatMap(routes => Object.values(routes))
  return Object.fromEntries(
    all.map(route => {
      const shape = commandShape(route, nouns)
      const { fields } = shape
      const of = (part: 'params' | 'query' | 'body') =>
        fields
          .filter(field => field.part === part)
          .map(field => ({ ...shapeOf(field, route[part]), ...emptying(shape, field) }))
      const { summary, cli } = route
      return [route.name, { summary, hidden: cli?.hidden, params: of('params'), query: of('query'), body: of('body') }]
    }),
  )
}

/** As far as the field has anything in it that can be taken away. */
function emptying(shape: CommandShape, field: Field): object {
  return {
    by_entry: field.part === 'body' && field.mapped && field.schema.patternProperties !== undefined,
    ...(canBeEmptied(shape, field) && { empties: pluralFlag(field) }),
  }
}

function shapeOf(field: Field, schema: RouteValue['body']): object {
  const given: Schema & { maxLength?: number; pattern?: string } = field.schema
  const { name, flag, positional, required, nullable, noun } = field
  const description = schema?.properties?.[name]?.description ?? given.description
  return {
    ...{ name, flag, positional, required, nullable, noun, description },
    type: field.repeated ? 'array' : (given.type ?? 'object'),
    options: given.enum,
    minimum: given.minimum,
    maximum: given.maximum,
    max_length: given.maxLength,
    pattern: given.pattern,
    default: schema?.properties?.[name]?.default,
  }
}
