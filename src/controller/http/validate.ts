/** Checks what comes in against a route's shapes, and says of each fault where it is, what is wrong and what is expected. */
import type { TSchema } from 'typebox'
import { Compile, type Validator } from 'typebox/compile'
import { Value } from 'typebox/value'
import { CloudError } from '../../model/errors.ts'
import { type Fault, faultsOf, placeOf, shapeAt } from '../../model/shape-words.ts'

const compiled = new WeakMap<TSchema, Validator>()

function validatorOf(schema: TSchema): Validator {
  let validator = compiled.get(schema)
  if (!validator) compiled.set(schema, (validator = Compile(schema)))
  return validator
}

const faults_max = 20

/** Nothing in the contract is nested even half as deep. */
const depth_max = 32

/**
 * Refuses what no shape speaks of and the database does not take: texts with NUL or half of a surrogate pair (as keys,
 * too), and values nested so deep that whoever walks them runs out of stack. Walks without recursion itself.
 */
export function checkSane(value: unknown, where: 'body' | 'query' | 'path'): void {
  const left: { value: unknown; depth: number }[] = [{ value, depth: 0 }]
  for (let next = left.pop(); next; next = left.pop()) {
    const { value: one, depth } = next
    if (typeof one === 'string' && (one.includes('\0') || !one.isWellFormed())) {
      throw new CloudError('invalid', `The ${where} has a text with a NUL character or half of a surrogate pair in it.`)
    }
    if (typeof one !== 'object' || one === null) continue
    if (depth === depth_max) {
      throw new CloudError('invalid', `The ${where} is nested more than ${depth_max} levels deep.`)
    }
    const parts = Array.isArray(one) ? one : Object.entries(one).flat()
    for (const part of parts) left.push({ value: part, depth: depth + 1 })
  }
}

export const fitsShape = (schema: TSchema, value: unknown): boolean => validatorOf(schema).Check(value ?? {})

/**
 * Returns the value, with defaults filled in; query and path values are first read as the types that the schema names.
 * Throws CloudError 'invalid' with the faults found. `only_reads`: the request would have changed nothing.
 */
export function checkShape(
  schema: TSchema,
  value: unknown,
  where: 'body' | 'query' | 'path',
  only_reads = false,
): unknown {
  const filled = Value.Default(schema, where === 'body' ? Value.Clone(value) : readTexts(schema, value))
  const validator = validatorOf(schema)
  if (validator.Check(filled)) return filled
  const faults: Fault[] = []
  const errors = [...validator.Errors(filled)]
  for (const error of errors) {
    if (faults.length === faults_max) break
    // 'boolean' repeats, field by field, what 'additionalProperties' says in one.
    if (error.keyword === 'boolean' || (isOfChoice(error) && errors.some(one => saysMore(one, error)))) continue
    for (const fault of faultsOf(error, shapeAt(schema, error.schemaPath))) {
      if (faults.length === faults_max) break
      // An id that is none breaks both its format and its pattern.
      if (!faults.some(one => one.at === fault.at && one.problem === fault.problem)) faults.push(fault)
    }
  }
  const [first] = faults
  throw new CloudError(
    'invalid',
    `The ${where} does not fit${first ? `: ${placeOf(first.at)} ${first.problem}` : ''}.${only_reads ? '' : ' Nothing was changed.'}`,
    { faults },
  )
}

interface ShapeError {
  keyword: string
  instancePath: string
  params: unknown
}

/** Says that it is none of several, such as neither a number nor null: what is wrong with the one that was meant says more. */
function isOfChoice({ keyword, params }: ShapeError): boolean {
  return keyword === 'anyOf' || (keyword === 'type' && (params as { type?: unknown }).type === 'null')
}

function saysMore(one: ShapeError, of_choice: ShapeError): boolean {
  const { instancePath: at } = of_choice
  return !isOfChoice(one) && (one.instancePath === at || one.instancePath.startsWith(`${at}/`))
}

/**
 * Query and path values come as text. Read as the types that the schema names, strictly: what is no such value stays
 * text, and is refused by the check. (A value given once where the schema wants a list is a list of one.)
 */
function readTexts(schema: TSchema, value: unknown): unknown {
  const properties: Record<string, TSchema> =
    'properties' in schema ? (schema.properties as Record<string, TSchema>) : {}
  return Object.fromEntries(
    Object.entries(value ?? {}).map(([name, text]) => [
      name,
      Object.hasOwn(properties, name) ? readText(properties[name] ?? {}, text) : text,
    ]),
  )
}

function readText(schema: TSchema & { type?: unknown; items?: unknown }, text: unknown): unknown {
  if (schema.type === 'array') {
    const items = schema.items as TSchema
    return (Array.isArray(text) ? text : [text]).map(item => readText(items, item))
  }
  if (typeof text !== 'string') return text
  switch (schema.type) {
    case 'integer':
      return /^-?\d{1,15}$/.test(text) ? Number(text) : text
    case 'number':
      return /^-?\d{1,15}(\.\d{1,15})?$/.test(text) ? Number(text) : text
    case 'boolean':
      return text === 'true' ? true : text === 'false' ? false : text
    default:
      return text
  }
}
