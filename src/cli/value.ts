/** From what was typed to what the API takes, by schema. Not its job: which field an option fills (command-shape.ts). */
import { unitOf } from '../model/units.ts'
import type { Schema } from './contract.ts'
import { UsageError } from './failure.ts'
import { isId } from './lookup.ts'
import { singular, withoutNull } from './command-shape.ts'

export interface ValueContext {
  /** The id of what is called so. */
  lookup(noun: string, name: string): Promise<string>
  /** A file's bytes; '-' is standard input. */
  readFile(path: string): Promise<Uint8Array>
  /** The noun that a field inside an object is the id of. */
  nounOf(name: string): string | undefined
}

/** Throws UsageError that names the option. */
export async function toValue(
  text: string,
  schema: Schema,
  noun: string | undefined,
  label: string,
  context: ValueContext,
): Promise<unknown> {
  if (noun) return context.lookup(noun, text)
  if (schema.contentEncoding === 'base64') return Buffer.from(await context.readFile(text)).toString('base64')
  if (schema.enum) return choice(text, schema, label)
  if (schema.anyOf) return anyOf(text, schema.anyOf)
  switch (schema.type) {
    case 'integer':
    case 'number':
      return number(text, schema, label)
    case 'boolean':
      return boolean(text, label)
    case 'object':
      return schema.properties ? object(text, schema, label, context) : keyValue(text, label)
    case 'string':
      return schema.format === 'uuid' ? id(text, label) : text
    default:
      return json(text)
  }
}

function choice(text: string, { enum: words = [], type }: Schema, label: string): string | number {
  const found = words.find(word => String(word) === text)
  if (found === undefined) throw new UsageError(`${label}: "${text}" is not one of ${words.join(', ')}.`)
  return type === 'integer' ? Number(found) : found
}

function anyOf(text: string, schemas: readonly Schema[]): unknown {
  const numeric = schemas.some(one => one.type === 'integer') && /^\d{1,15}$/.test(text)
  return numeric ? Number(text) : text
}

function number(text: string, schema: Schema, label: string): number {
  const value = Number(text)
  const whole = schema.type === 'integer'
  if (text.trim() === '' || !Number.isFinite(value) || (whole && !Number.isSafeInteger(value))) {
    const unit = unitOf(label.replaceAll(/[- ]/g, '_'))
    const of = unit === null ? '' : ` of ${unit}`
    throw new UsageError(`${label}: "${text}" is not a ${whole ? 'whole ' : ''}number${of}.`)
  }
  return value
}

/** Of what, nobody said. */
function id(text: string, label: string): string {
  if (isId(text)) return text.toLowerCase()
  throw new UsageError(
    `${label}: "${text}" is not an id.`,
    'A name will do where it is said what of, as by --noun host.',
  )
}

function boolean(text: string, label: string): boolean {
  if (['true', 'yes', 'on', '1'].includes(text)) return true
  if (['false', 'no', 'off', '0'].includes(text)) return false
  throw new UsageError(`${label}: "${text}" is neither true nor false.`)
}

/** One entry of a map. */
function keyValue(text: string, label: string): Record<string, string> {
  const equals = text.indexOf('=')
  if (equals < 1) throw new UsageError(`${label}: "${text}" is not KEY=VALUE.`)
  return { [text.slice(0, equals)]: text.slice(equals + 1) }
}

/** JSON where it is JSON, else the text itself. */
function json(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}

/**
 * An object: JSON, or `field=value,field=value` with the names that options have too (network=default, or network_id=…). A
 * field given twice is a list. A first word without a field's name is the one that the object cannot be without.
 */
async function object(text: string, schema: Schema, label: string, context: ValueContext): Promise<unknown> {
  if (text.startsWith('{')) {
    try {
      return JSON.parse(text)
    } catch (error) {
      throw new UsageError(`${label}: this is not JSON: ${error instanceof Error ? error.message : String(error)}`)
    }
  }
  const value: Record<string, unknown> = {}
  const [only, ...others] = schema.required ?? []
  for (const [index, part] of text.split(',').entries()) {
    const equals = part.indexOf('=')
    if (equals < 0 && !(index === 0 && only !== undefined && others.length === 0)) {
      throw new UsageError(`${label}: "${part}" is not FIELD=VALUE; fields are ${fieldNames(schema).join(', ')}.`)
    }
    const [name, each] = equals < 0 ? [only ?? '', part] : [part.slice(0, equals), part.slice(equals + 1)]
    await setField(value, name, each, schema, label, context)
  }
  return value
}

const fieldNames = (schema: Schema) => Object.keys(schema.properties ?? {})

async function setField(
  value: Record<string, unknown>,
  given: string,
  text: string,
  of: Schema,
  label: string,
  context: ValueContext,
): Promise<void> {
  const asked = given.replaceAll('-', '_')
  const name = fieldNames(of).find(one => [one, singular(one), one.replace(/_id$/, '')].includes(asked))
  if (name === undefined) {
    throw new UsageError(`${label}: there is no field "${given}"; there are ${fieldNames(of).join(', ')}.`)
  }
  const { schema } = withoutNull(of.properties?.[name] ?? {})
  const item = schema.type === 'array' ? (schema.items ?? {}) : schema
  const noun = item.format === 'uuid' ? context.nounOf(singular(name).replace(/_id$/, '')) : undefined
  const one = await toValue(text, item, noun, `${label} ${given}`, context)
  value[name] = schema.type === 'array' ? [...((value[name] as unknown[] | undefined) ?? []), one] : one
}
