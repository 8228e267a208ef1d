/**
 * What a text that somebody looks for may be beside a part of a name: an id, its beginning or its end, an address or its beginning, a
 * MAC. Each is looked up by an index. A part from the middle of an address would take an index of groups of three letters: those tell
 * addresses badly apart, and cost with every port that is made. Not its job: in which lists (each noun's own store).
 */
import { type RawBuilder, sql } from 'kysely'
import { formatAddress, parseAddress, parseBeginning } from '../../lib/ip.ts'

/** A shorter beginning could be anything; of ids the first 8 digits are the minute of their making. */
const idForm = /^[0-9a-f]{8}(-([0-9a-f]{0,4}(-([0-9a-f]{0,4}(-([0-9a-f]{0,4}(-[0-9a-f]{0,12})?)?)?)?)?)?)?$/
const macForm = /^[0-9a-f]{2}([:-][0-9a-f]{2}){5}$/

const id_digits = '00000000-0000-0000-0000-000000000000'
/** By so many of their last digits ids are found; an index has them, where there are many things (migrations/0024). */
const id_end_length = 8

const isIdEnd = (lower: string) =>
  lower.length >= id_end_length && lower.replaceAll(/[0-9a-f]/g, '0') === id_digits.slice(-lower.length)

/** Ids that are, begin or end with the text; undefined when it can be none of it. */
export function idIs(id: RawBuilder<unknown>, text: string): RawBuilder<boolean> | undefined {
  const lower = text.toLowerCase()
  const digits = lower.replaceAll('-', '')
  const ways = [
    idForm.test(lower) &&
      sql<boolean>`${id} between ${digits.padEnd(32, '0')}::uuid and ${digits.padEnd(32, 'f')}::uuid`,
    lower.length < id_digits.length &&
      isIdEnd(lower) &&
      sql<boolean>`(right(${id}::text, ${sql.lit(id_end_length)}) = ${lower.slice(-id_end_length)}
        and right(${id}::text, ${lower.length}::int) = ${lower})`,
  ].filter(way => way !== false)
  return ways.length === 0 ? undefined : sql<boolean>`(${sql.join(ways, sql` or `)})`
}

/** Whether the id is, begins or ends with the text. */
export function isPartOfId(id: string, text: string): boolean {
  const lower = text.toLowerCase()
  return (idForm.test(lower) && id.startsWith(lower)) || (isIdEnd(lower) && id.endsWith(lower))
}

/** Six pairs of digits are a MAC, and no beginning of an IPv6 address. */
const beginningOf = (text: string) => (macOf(text) === undefined ? parseBeginning(text) : null)

/** Whether the text is an address, or the beginning of one. */
export function isOfAddress(text: string): boolean {
  return parseAddress(text) !== null || beginningOf(text) !== null
}

/** Those that the column has of the address, or of all that begin so, as the text is the one or the other. */
function addressIs(column: RawBuilder<unknown>, text: string): RawBuilder<boolean> | undefined {
  if (parseAddress(text)) return sql<boolean>`${column} = ${text}::inet`
  const range = beginningOf(text)
  if (!range) return undefined
  const [first, last] = [range.first, range.last].map(value => formatAddress(range.family, value))
  return sql<boolean>`${column} between ${first}::inet and ${last}::inet`
}

/** The MAC that the text is, with colons or dashes. */
export function macOf(text: string): string | undefined {
  const lower = text.toLowerCase()
  return macForm.test(lower) ? lower.replaceAll('-', ':') : undefined
}

/**
 * So many addresses that begin with the text are looked at, the lowest first: `10.0.3` may be in each of ten thousand projects, and an IPv6
 * beginning in one machine's address for each of a hundred thousand. Who sees all projects is held to it, too.
 */
const found_max = 1000

/** In whichever project; null: of all. */
type ProjectId = string | null

/** How ports' addresses (`a`) are found of one project, or of all: each has an index of its own. */
function addressesOf(project_id: ProjectId, is: RawBuilder<boolean>): RawBuilder<unknown> {
  const within = project_id === null ? sql`true` : sql`a.project_id = ${project_id}::uuid`
  return sql`select a.port_id from port_address a where ${within} and ${is} order by a.address limit ${sql.lit(found_max)}`
}

/** Ports (`p`) of one project, or of all. */
const portsOf = (project_id: ProjectId) => (project_id === null ? sql`true` : sql`p.project_id = ${project_id}::uuid`)

/** By address (its own, or a floating one in front of it) or MAC: an instance's. */
export const instanceIs =
  (project_id: ProjectId) =>
  (id: RawBuilder<unknown>, text: string): RawBuilder<boolean> | undefined => {
    const [own, floating] = [addressIs(sql`a.address`, text), addressIs(sql`f.address`, text)]
    // As an array, so that the index of ids is used beside that of names; ports one by one, or many would have all be read.
    if (own !== undefined && floating !== undefined)
      return sql<boolean>`${id} = any(array(
      select (select p.instance_id from port p where p.id = a.port_id) from (${addressesOf(project_id, own)}) a
      union all
      (select p.instance_id from floating_ip f join port p on p.id = f.port_id where ${floating} and ${portsOf(project_id)}
        order by f.address limit ${sql.lit(found_max)})))`
    const mac = macOf(text)
    if (mac === undefined) return undefined
    return sql<boolean>`${id} = any(array(select p.instance_id from port p
      where p.mac = ${mac}::macaddr and ${portsOf(project_id)} limit ${sql.lit(found_max)}))`
  }

/** By address or MAC: a port. */
export const portIs =
  (project_id: ProjectId) =>
  (id: RawBuilder<unknown>, text: string): RawBuilder<boolean> | undefined => {
    const [address, mac] = [addressIs(sql`a.address`, text), macOf(text)]
    if (address !== undefined) return sql<boolean>`${id} = any(array(${addressesOf(project_id, address)}))`
    if (mac === undefined) return undefined
    return sql<boolean>`${id} = any(array(select p.id from port p
      where p.mac = ${mac}::macaddr and ${portsOf(project_id)} limit ${sql.lit(found_max)}))`
  }

/** By its address, or the one that it is in front of: a floating address. */
export const floatingIpIs =
  (project_id: ProjectId) =>
  (id: RawBuilder<unknown>, text: string): RawBuilder<boolean> | undefined => {
    const address = addressIs(sql`f.address`, text)
    const within = project_id === null ? sql`true` : sql`f.project_id = ${project_id}::uuid`
    return address === undefined
      ? undefined
      : sql<boolean>`${id} = any(array(select f.id from floating_ip f where ${within} and ${address}
          order by f.address limit ${sql.lit(found_max)}))`
  }
