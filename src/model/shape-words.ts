/** What is wrong with a value, for people: from what JSON Schema found. Its keywords and regular expressions are for programs. */

export interface ShapeFault {
  keyword: string
  /** Of the validator: 'must be >= 1'. */
  message: string
  params: unknown
}

/** Of JSON Schema, as much as is told of. */
interface Shape {
  title?: string
  description?: string
  format?: string
  minimum?: number
  maximum?: number
  not?: { description?: string }
}

const types: Readonly<Record<string, string>> = {
  string: 'a text',
  integer: 'a whole number',
  number: 'a number',
  boolean: 'true or false',
  array: 'a list',
  object: 'an object',
  null: 'null',
}

const formats: Readonly<Record<string, string>> = {
  uuid: 'an id: a UUID, lower case',
  'date-time': 'a time such as 2026-01-31T12:00:00Z',
}

/**
 * Where something is wrong and what, a fault each: a field that is lacking, or not known, is itself what is wrong, and not what it is in. `at`: a JSON
 * pointer (RFC 6901); '' is the whole.
 */
export function faultsOf(fault: ShapeFault & { instancePath: string }, shape: Shape | undefined): Fault[] {
  const { keyword, instancePath, params } = fault
  const { requiredProperties, additionalProperties } = params as Record<string, string[] | undefined>
  const each = (names: readonly string[], problem: string) =>
    names.map(name => ({ at: `${instancePath}/${escaped(name)}`, problem }))
  if (keyword === 'required') return each(requiredProperties ?? [], 'is missing')
  if (keyword === 'additionalProperties') return each(additionalProperties ?? [], 'is not known here')
  return [{ at: instancePath, problem: wordsOf(fault, shape) }]
}

export interface Fault {
  /** JSON pointer into the body, or into the query or the path as an object of its parameters. */
  at: string
  problem: string
}

/** To stand behind the name of what is wrong: "must be one of: overlay, external". `shape` is the one that it does not fit. */
export function wordsOf({ keyword, message, params }: ShapeFault, shape: Shape | undefined): string {
  const found = params as Record<string, unknown>
  const limit = Number(found.limit)
  switch (keyword) {
    case 'additionalProperties':
      return `has fields that are not known here: ${String(found.additionalProperties)}`
    case 'not':
      return `must not be ${shape?.not?.description ?? 'this'}`
    case 'required':
      return `lacks ${String(found.requiredProperties)}`
    case 'enum':
      return `must be one of: ${(found.allowedValues as string[]).join(', ')}`
    case 'type':
      return `must be ${[found.type]
        .flat()
        .map(type => types[String(type)] ?? String(type))
        .join(' or ')}`
    case 'pattern':
    case 'format': {
      const form = formOf(shape)
      return form ? `must be ${form}` : message
    }
    case 'minimum':
    case 'maximum':
      return range(shape, keyword, limit)
    case 'minLength':
      return limit === 1 ? 'must not be empty' : `must have at least ${limit} characters`
    case 'maxLength':
      return `must have at most ${limit} characters`
    case 'minItems':
      return limit === 1 ? 'must name one at least' : `must name at least ${limit}`
    case 'maxItems':
    case 'maxProperties':
      return `must name at most ${limit}`
    case 'uniqueItems':
      return 'names the same thing twice'
    default:
      return message
  }
}

/** A title is of the form alone, for what has a description that says what it is for. */
function formOf(shape: Shape | undefined): string | undefined {
  const format = formats[shape?.format ?? '']
  const said = shape?.title ?? shape?.description
  return format ?? (said && `as follows: ${said.charAt(0).toLowerCase()}${said.slice(1)}`)
}

function range(shape: Shape | undefined, keyword: 'minimum' | 'maximum', limit: number): string {
  const { minimum, maximum = Number.MAX_SAFE_INTEGER } = shape ?? {}
  if (minimum !== undefined && maximum < Number.MAX_SAFE_INTEGER) return `must be from ${minimum} to ${maximum}`
  return `must be ${limit} or ${keyword === 'minimum' ? 'more' : 'less'}`
}

/** The part of a schema that a fault is about: '#/properties/name'. */
export function shapeAt(schema: unknown, path: string): Shape | undefined {
  const words = path.split('/').slice(1)
  const step = (at: unknown, word: string) =>
    typeof at === 'object' && at !== null ? (at as Record<string, unknown>)[unescaped(word)] : undefined
  return words.reduce(step, schema) as Shape | undefined
}

const escaped = (word: string) => word.replaceAll('~', '~0').replaceAll('/', '~1')
const unescaped = (word: string) => word.replaceAll('~1', '/').replaceAll('~0', '~')

/** A JSON pointer as people write it: /networks/0/network_id → networks.0.network_id; the whole is 'it'. */
export const placeOf = (pointer: string) => (pointer === '' ? 'it' : unescaped(pointer.slice(1).replaceAll('/', '.')))
