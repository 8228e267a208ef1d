/** What things of several kinds are called, by their ids, and what each belongs to. Not its job: who may know it (app/names.ts). */
import { sql } from 'kysely'
import { nameBefore } from '../../model/removed-name.ts'
import type { Db } from './database.ts'

type Owner = 'project_id' | 'domain_id' | 'user_id'

/** By noun: the table that has them by a name, and its column that says whose they are. */
const tables = {
  aggregate: ['aggregate', null],
  'api-key': ['api_key', 'user_id'],
  cluster: ['cluster', null],
  domain: ['domain', null],
  flavor: ['flavor', null],
  host: ['host', null],
  image: ['image', 'project_id'],
  'image-key': ['image_key', null],
  instance: ['instance', 'project_id'],
  'instance-group': ['instance_group', 'project_id'],
  'key-pair': ['key_pair', 'user_id'],
  network: ['network', 'project_id'],
  'pci-alias': ['pci_alias', null],
  port: ['port', 'project_id'],
  project: ['project', 'domain_id'],
  region: ['region', null],
  role: ['role', null],
  router: ['router', 'project_id'],
  'security-group': ['security_group', 'project_id'],
  subnet: ['subnet', 'project_id'],
  user: ['user', 'domain_id'],
  volume: ['volume', 'project_id'],
  zone: ['zone', null],
} as const satisfies Record<string, readonly [string, Owner | null]>
export type Named = keyof typeof tables

export function isNamed(noun: string): noun is Named {
  return Object.hasOwn(tables, noun)
}

export interface NamedRow {
  noun: Named
  id: string
  /** Of a host that was removed: what it was called. */
  name: string
  /** The project that it is in; of a user or a project the domain, of what is somebody's own the user. Null: the cloud's. */
  owner_id: string | null
}

/** One query, whatever there is of each kind. What is gone has no entry, nor has what was given no name. */
async function of(db: Db, wanted: ReadonlyMap<Named, Iterable<string>>): Promise<NamedRow[]> {
  const parts = [...wanted].map(([noun, ids]) => {
    const [table, owner] = tables[noun]
    const owner_id = owner ? sql.ref(owner) : sql`null::uuid`
    return sql`select ${noun} as noun, id, name, ${owner_id} as owner_id from ${sql.table(table)}
      where id = any(${[...new Set(ids)]}::uuid[])`
  })
  if (parts.length === 0) return []
  const { rows } = await sql<NamedRow>`${sql.join(parts, sql` union all `)}`.execute(db)
  return rows.flatMap(row => (row.name === '' ? [] : [{ ...row, name: nameBefore(row.name) ?? row.name }]))
}

export const names = { of }
