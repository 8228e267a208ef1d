/** What things of several kinds are called, by their ids. Not its job: who may know it (app/names.ts). */
import { sql } from 'kysely'
import type { Db } from './database.ts'

/** By noun: the table that has them by a name. */
const tables = {
  aggregate: 'aggregate',
  'api-key': 'api_key',
  cluster: 'cluster',
  domain: 'domain',
  flavor: 'flavor',
  host: 'host',
  image: 'image',
  'image-key': 'image_key',
  instance: 'instance',
  'instance-group': 'instance_group',
  'key-pair': 'key_pair',
  network: 'network',
  'pci-alias': 'pci_alias',
  port: 'port',
  project: 'project',
  region: 'region',
  role: 'role',
  router: 'router',
  'security-group': 'security_group',
  subnet: 'subnet',
  user: 'user',
  volume: 'volume',
  zone: 'zone',
} as const
export type Named = keyof typeof tables

export function isNamed(noun: string): noun is Named {
  return Object.hasOwn(tables, noun)
}

/** One query, whatever there is of each kind. What is gone has no entry, nor has what was given no name. */
async function of(db: Db, wanted: ReadonlyMap<Named, Iterable<string>>): Promise<Map<string, string>> {
  const parts = [...wanted].map(
    ([noun, ids]) => sql`select id, name from ${sql.table(tables[noun])} where id = any(${[...new Set(ids)]}::uuid[])`,
  )
  if (parts.length === 0) return new Map()
  const { rows } = await sql<{ id: string; name: string }>`${sql.join(parts, sql` union all `)}`.execute(db)
  return new Map(rows.flatMap(({ id, name }) => (name === '' ? [] : [[id, name] as const])))
}

export const names = { of }
