/**
 * Pure: the rows that should be there × the replica → what must be done, in steps small enough to be committed apart and
 * each safe by itself: a new port comes in one step with its security groups, what protects it comes before it.
 * Applied, nothing is left to do. Rows without croft:id are left alone, except one that has the name that a row of
 * Croft's must have: that one is adopted. Not its job: committing (apply.ts).
 */
import { type AnyRow, type Atom, parseSchema, type Replica, sameValue, type Value } from '../../lib/ovsdb/index.ts'
import type { DesiredRow, DesiredRows } from './rows.ts'
import { idKey, type NbTable, type Northbound, nbTables, northbound } from './schema.ts'

const schema = parseSchema(northbound)

/** A row that is there, or the uuid-name of one that a step inserts. */
export type RowRef = string

export interface Link {
  readonly table: NbTable
  readonly row: RowRef
  readonly column: string
  readonly target: RowRef
  readonly add: boolean
}

/** Must be committed as a whole. */
export interface Step {
  readonly insert?: {
    readonly table: NbTable
    readonly name: RowRef
    readonly columns: Readonly<Record<string, Value>>
  }
  readonly update?: {
    readonly table: NbTable
    readonly uuid: string
    readonly columns: Readonly<Record<string, Value>>
  }
  readonly links?: readonly Link[]
  readonly remove?: { readonly table: NbTable; readonly uuid: string }
}

interface ReferenceColumns {
  /** Sets of references: changed one by one. */
  readonly many: readonly { readonly name: string; readonly table: NbTable }[]
  /** One reference at most: compared as a value. */
  readonly one: readonly { readonly name: string; readonly table: NbTable }[]
  readonly plain: readonly string[]
}

const references: ReadonlyMap<NbTable, ReferenceColumns> = new Map(
  nbTables.map(table => {
    const columns = [...(schema.tables.get(table)?.columns.values() ?? [])]
    const pointing = columns.filter(column => column.key.type === 'uuid')
    const named = (many: boolean) =>
      pointing
        .filter(column => column.many === many)
        .map(({ name, key }) => ({ name, table: key.ref_table as NbTable }))
    const plain = columns.filter(column => column.key.type !== 'uuid').map(column => column.name)
    return [table, { many: named(true), one: named(false), plain }]
  }),
)
const isRoot = (table: NbTable): boolean => schema.tables.get(table)?.is_root ?? false

/** Croft's own rows of one table that are there. */
interface Owned {
  readonly byId: Map<string, AnyRow>
  readonly idOf: Map<string, string>
  /** A second row with the same id: somebody's copy. */
  readonly surplus: Set<string>
}

export function diff(desired: DesiredRows, replica: Replica<Northbound>): Step[] {
  return new Difference(desired, replica).steps()
}

class Difference {
  readonly #desired: DesiredRows
  readonly #replica: Replica<Northbound>
  readonly #owned: ReadonlyMap<NbTable, Owned>
  readonly #newNames = new Map<string, RowRef>()
  /** The link changes in which a row is the target, by table and uuid or name: they belong together. */
  readonly #links = new Map<string, Link[]>()
  #foreignLinks: ReadonlyMap<string, Link[]> | undefined

  constructor(desired: DesiredRows, replica: Replica<Northbound>) {
    this.#desired = desired
    this.#replica = replica
    this.#owned = new Map(nbTables.map(table => [table, this.#find(table)]))
  }

  steps(): Step[] {
    const inserts: Step[] = []
    const children: Step[] = []
    const updates: Step[] = []
    for (const table of nbTables) for (const id of this.#desired.table(table).keys()) this.#nameOf(table, id)
    for (const table of nbTables) {
      const { one, plain } = this.#columns(table)
      for (const row of this.#desired.table(table).values()) {
        const there = this.#ownedIn(table).byId.get(row.id)
        this.#collectLinks(row, there)
        if (there) {
          const columns = this.#changed(row, there, plain, one)
          if (columns) updates.push({ update: { table, uuid: there._uuid, columns } })
        } else {
          const name = this.#nameOf(table, row.id)
          const step = { insert: { table, name, columns: this.#initial(row, plain, one) } }
          if (isRoot(table)) inserts.push(step)
          else children.push({ ...step, links: this.#takeLinks(table, name) })
        }
      }
    }
    return [...inserts, ...updates, ...children, ...this.#linkSteps(), ...this.#removals()]
  }

  #columns(table: NbTable): ReferenceColumns {
    return references.get(table) ?? { many: [], one: [], plain: [] }
  }

  #ownedIn(table: NbTable): Owned {
    return this.#owned.get(table) ?? { byId: new Map(), idOf: new Map(), surplus: new Set() }
  }

  #find(table: NbTable): Owned {
    const owned: Owned = { byId: new Map(), idOf: new Map(), surplus: new Set() }
    const foreign: AnyRow[] = []
    for (const row of this.#replica.table(table).values() as Iterable<AnyRow>) {
      const id = (row.external_ids as ReadonlyMap<string, string>).get(idKey)
      if (id === undefined) foreign.push(row)
      else if (owned.byId.has(id)) owned.surplus.add(row._uuid)
      else {
        owned.byId.set(id, row)
        owned.idOf.set(row._uuid, id)
      }
    }
    if (foreign.length > 0 && 'indexes' in northbound.tables[table]) this.#adopt(table, owned, foreign)
    return owned
  }

  /** Somebody took our mark from a row, or made a row with our name: names are unique, so it is the row to use. */
  #adopt(table: NbTable, owned: Owned, foreign: readonly AnyRow[]): void {
    const byName = new Map(foreign.map(row => [row.name, row]))
    for (const { id, columns } of this.#desired.table(table).values()) {
      const row = owned.byId.has(id) ? undefined : byName.get(columns.name)
      if (!row) continue
      owned.byId.set(id, row)
      owned.idOf.set(row._uuid, id)
    }
  }

  /** The uuid of the row that is there, or the name under which it is inserted. */
  #nameOf(table: NbTable, id: string): RowRef {
    const there = this.#ownedIn(table).byId.get(id)
    if (there) return there._uuid
    const key = `${table} ${id}`
    let name = this.#newNames.get(key)
    if (name === undefined) this.#newNames.set(key, (name = `row${this.#newNames.size}`))
    return name
  }

  #reference(from: DesiredRow, column: string, table: NbTable, id: Atom): RowRef {
    const target = String(id)
    if (!this.#desired.has(table, target))
      throw new Error(`the plan's ${from.table} ${from.id} names ${table} ${target} in ${column}, which it lacks`)
    return this.#nameOf(table, target)
  }

  #initial(row: DesiredRow, plain: readonly string[], one: ReferenceColumns['one']): Record<string, Value> {
    const columns: Record<string, Value> = {}
    for (const name of plain) if (name in row.columns) columns[name] = row.columns[name]
    for (const { name, table } of one) {
      const id = row.columns[name]
      if (id !== undefined) columns[name] = this.#reference(row, name, table, id as Atom)
    }
    return columns
  }

  #changed(
    row: DesiredRow,
    there: AnyRow,
    plain: readonly string[],
    one: ReferenceColumns['one'],
  ): Record<string, Value> | undefined {
    const changes: Record<string, Value> = {}
    for (const name of plain) {
      if (!(name in row.columns)) continue
      const wanted = name === 'external_ids' ? merged(there.external_ids, row.columns.external_ids) : row.columns[name]
      if (!sameValue(wanted, there[name])) changes[name] = wanted
    }
    for (const { name, table } of one) {
      if (!(name in row.columns)) continue
      const id = row.columns[name]
      const wanted = id === undefined ? undefined : this.#reference(row, name, table, id as Atom)
      if (wanted !== there[name]) changes[name] = wanted
    }
    return Object.keys(changes).length > 0 ? changes : undefined
  }

  #collectLinks(row: DesiredRow, there: AnyRow | undefined): void {
    for (const { name: column, table } of this.#columns(row.table).many) {
      const wanted = row.columns[column] as ReadonlySet<string> | undefined
      if (!wanted) continue
      const present = (there?.[column] ?? new Set()) as ReadonlySet<string>
      const from = { table: row.table, row: this.#nameOf(row.table, row.id), column }
      const targets = new Set<RowRef>()
      for (const id of wanted) {
        const target = this.#reference(row, column, table, id)
        targets.add(target)
        if (!present.has(target)) this.#addLink(table, { ...from, target, add: true })
      }
      const owned = this.#ownedIn(table)
      // A foreign row may be where it is.
      for (const target of present)
        if (!targets.has(target) && (owned.idOf.has(target) || owned.surplus.has(target)))
          this.#addLink(table, { ...from, target, add: false })
    }
  }

  #addLink(table: NbTable, link: Link): void {
    const key = `${table} ${link.target}`
    const links = this.#links.get(key)
    if (links) links.push(link)
    else this.#links.set(key, [link])
  }

  #takeLinks(table: NbTable, target: RowRef): Link[] {
    const key = `${table} ${target}`
    const links = this.#links.get(key) ?? []
    this.#links.delete(key)
    return links
  }

  /** Links of rows that stay; those of rows that go are left for the removals. */
  #linkSteps(): Step[] {
    const steps: Step[] = []
    for (const table of nbTables) {
      for (const id of this.#desired.table(table).keys()) {
        const links = this.#takeLinks(table, this.#nameOf(table, id))
        if (links.length > 0) steps.push({ links })
      }
    }
    return steps
  }

  /** In the order opposite to making: what protects a port goes after it, a router port after the routes through it. */
  #removals(): Step[] {
    const steps: Step[] = []
    const roots: Step[] = []
    for (const table of nbTables.toReversed()) {
      const owned = this.#ownedIn(table)
      const stale = [...owned.byId].filter(([id]) => !this.#desired.has(table, id)).map(([, row]) => row._uuid)
      for (const uuid of [...stale, ...owned.surplus]) {
        const links = this.#takeLinks(table, uuid)
        if (isRoot(table)) roots.push({ links, remove: { table, uuid } })
        else {
          // A child of a row that goes too goes with it; one under somebody else's row is unlinked there.
          links.push(...(this.#linksFromOthers().get(uuid) ?? []))
          if (links.length > 0) steps.push({ links })
        }
      }
    }
    return [...steps, ...roots]
  }

  /** Which rows that are not Croft's refer to which that are: looked for once, and only when something is to go. */
  #linksFromOthers(): ReadonlyMap<string, Link[]> {
    if (this.#foreignLinks) return this.#foreignLinks
    const links = new Map<string, Link[]>()
    for (const table of nbTables) {
      const owned = this.#ownedIn(table)
      for (const row of this.#replica.table(table).values() as Iterable<AnyRow>) {
        if (owned.idOf.has(row._uuid) || owned.surplus.has(row._uuid)) continue
        for (const { name: column } of this.#columns(table).many)
          for (const target of row[column] as ReadonlySet<string>)
            links.set(target, [...(links.get(target) ?? []), { table, row: row._uuid, column, target, add: false }])
      }
    }
    this.#foreignLinks = links
    return links
  }
}

/** Other programs' keys stay. */
function merged(there: Value, wanted: Value): Value {
  return new Map([...(there as ReadonlyMap<string, string>), ...(wanted as ReadonlyMap<string, string>)])
}
