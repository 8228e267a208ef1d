/**
 * From a route to a command, by rules alone: which words it takes, which options, and whose names they may be given by.
 * Pure. Not its job: parsing values (value.ts), looking names up (lookup.ts), running (run.ts).
 *
 * The rules. A path parameter is a word; called like a noun, it takes that noun's names. A field X_id takes names of the noun
 * X as --X. A list is an option in the singular that may be repeated. A map takes KEY=VALUE. A field that may be null is
 * cleared by --no-X. Base64 is read from a file.
 */
import { naturalKey, type Nouns, type RouteValue, type Schema } from './contract.ts'

export type Part = 'params' | 'query' | 'body'

export interface Field {
  part: Part
  /** As the API has it: flavor_id */
  name: string
  /** As the command line has it: flavor */
  flag: string
  /** Without null; of a repeated field, the schema of one item. */
  schema: Schema
  nullable: boolean
  required: boolean
  repeated: boolean
  /** An object, of which each time the option is given says a part. */
  mapped: boolean
  /** A repeated one that cannot do without any. */
  items_min: number
  /** A word at this place, and no option. */
  positional: boolean
  /** The noun whose names may stand for its ids. */
  noun: string | undefined
  /** Its things are known by a name, too, or by an address. */
  is_named: boolean
  summary: string
  /** What it is to say no, of a boolean, or to have none, of what may be null. */
  summary_no: string | undefined
}

export interface CommandShape {
  noun: string
  verb: string
  route: RouteValue
  fields: readonly Field[]
  /** A list that is read page by page. */
  is_list: boolean
  /** Answered with an operation that can be waited for. */
  has_operation: boolean
}

const unit_words = ['dns', 'same_as']

/** Fields that are not called after what they name. */
const meant: Readonly<Record<string, string>> = { different_from: 'instance', same_as: 'instance' }

/** "addresses" → "address", "properties" → "property", "networks" → "network". */
export function singular(word: string): string {
  if (unit_words.includes(word) || !word.endsWith('s') || word.endsWith('ss')) return word
  if (word.endsWith('ies')) return `${word.slice(0, -3)}y`
  if (word.endsWith('sses')) return word.slice(0, -2)
  return word.slice(0, -1)
}

const kebab = (name: string) => name.replaceAll('_', '-')

/** The noun that a field's name means: floating_ip → floating-ip, external_network → network, remote_group → security-group. */
export function nounOf(name: string, nouns: Nouns, own: string): string | undefined {
  const words = name.split('_')
  for (let from = 0; from < words.length; from++) {
    const noun = words.slice(from).join('-')
    if (nouns[noun]) return noun
  }
  if (name === 'parent') return own
  if (meant[name] !== undefined) return meant[name]
  const ending = Object.keys(nouns).filter(noun => noun.split('-').at(-1) === words.at(-1))
  // A group may be one of security or one of instances: whichever is nearer to what the command is about.
  const near = ending.find(noun => noun === own) ?? ending.find(noun => noun.startsWith(`${own}-`))
  return near ?? (ending.length === 1 ? ending[0] : undefined)
}

/** What is left of a schema when null is taken away. */
export function withoutNull(schema: Schema): { schema: Schema; nullable: boolean } {
  const rest = schema.anyOf?.filter(one => one.type !== 'null')
  if (!schema.anyOf || !rest || rest.length === schema.anyOf.length) return { schema, nullable: false }
  const [only] = rest
  const { anyOf: _, ...around } = schema
  return { schema: rest.length === 1 && only ? { ...around, ...only } : { ...around, anyOf: rest }, nullable: true }
}

const isId = (schema: Schema) => schema.format === 'uuid'

function fieldOf(
  part: Part,
  name: string,
  of: Schema,
  shape: { noun: string; route: RouteValue },
  nouns: Nouns,
): Field {
  const given = of.properties?.[name] ?? {}
  const { schema, nullable } = withoutNull(given)
  const repeated = schema.type === 'array'
  const item = repeated ? (schema.items ?? {}) : schema
  const mapped = !repeated && (item.patternProperties ?? item.properties) !== undefined
  const named = repeated || mapped ? singular(name) : name
  const bare = isId(item) && named.endsWith('_id') ? named.slice(0, -3) : named
  const noun = isId(item) ? nounOf(bare, nouns, shape.noun) : undefined
  return {
    part,
    name,
    flag: kebab(bare),
    schema: item,
    nullable,
    required: of.required?.includes(name) ?? false,
    repeated,
    mapped,
    items_min: repeated ? (schema.minItems ?? 0) : 0,
    positional: part === 'params' || (part === 'body' && (shape.route.cli?.positional?.includes(name) ?? false)),
    noun,
    is_named: noun !== undefined && naturalKey(nouns[noun]?.list) !== undefined,
    ...summaryOf(given, item),
  }
}

/** "Kept back for the host; null: as the setting says": what is said of null and false is of --no-X. */
function summaryOf(given: Schema, item: Schema): Pick<Field, 'summary' | 'summary_no'> {
  const clauses = (given.description ?? item.description ?? '').split(/; |\. (?=(?:Null|False): )/)
  const of_no = /^(?:null|false): /i
  const no = clauses.find(one => of_no.test(one))
  const said = clauses.filter(one => one !== no).join('; ')
  // Of an id only the noun matters to people, and that is in the option's name.
  const words = [isId(item) && said.startsWith('UUID') ? '' : said]
  if (item.contentEncoding === 'base64') words[0] = 'a file; - is standard input'
  if (item.enum) words.push(item.enum.length > 12 ? 'see the API' : item.enum.join(' | '))
  if (item.minimum !== undefined && item.maximum !== undefined && item.maximum < Number.MAX_SAFE_INTEGER) {
    words.push(`${item.minimum} to ${item.maximum}`)
  }
  return { summary: words.filter(word => word !== '').join('; '), summary_no: no?.replace(of_no, '') }
}

export function commandShape(route: RouteValue, nouns: Nouns): CommandShape {
  const [noun = '', verb = ''] = route.name.split('.')
  const reply = route.reply?.properties ?? {}
  const inOrder = [...route.path.matchAll(/:(\w+)/g)].map(match => match[1] ?? '')
  const of = (part: Part, schema: Schema | undefined, names = Object.keys(schema?.properties ?? {})) =>
    schema ? names.map(name => fieldOf(part, name, schema, { noun, route }, nouns)) : []
  return {
    noun,
    verb,
    route,
    fields: [...of('params', route.params, inOrder), ...of('query', route.query), ...of('body', route.body)],
    is_list: route.method === 'GET' && reply.items !== undefined && reply.next !== undefined,
    has_operation: reply.operation !== undefined,
  }
}

/** The placeholder of a field's value in help: FLAVOR, N, KEY=VALUE, FILE. */
export function placeholder(field: Pick<Field, 'schema' | 'noun' | 'flag'>): string {
  const { schema } = field
  if (field.noun) return field.noun.toUpperCase()
  if (schema.contentEncoding === 'base64') return 'FILE'
  if (schema.patternProperties) return 'KEY=VALUE'
  if (schema.enum) return 'WORD'
  if (schema.type === 'integer' || schema.type === 'number') return 'N'
  if (schema.type === 'object' || schema.type === undefined) return objectPlaceholder(schema)
  if (schema.format === 'date-time') return 'TIME'
  if (isId(schema)) return 'ID'
  return field.flag.split('-').at(-1)?.toUpperCase() ?? 'TEXT'
}

/** `--network NETWORK[,FIELD=VALUE]`: what the object cannot be without may be given bare. */
function objectPlaceholder(schema: Schema): string {
  if (!schema.properties) return 'VALUE'
  const [only, ...others] = schema.required ?? []
  return only !== undefined && others.length === 0
    ? `${kebab(only.replace(/_id$/, '')).toUpperCase()}[,FIELD=VALUE]`
    : 'FIELD=VALUE,…'
}
