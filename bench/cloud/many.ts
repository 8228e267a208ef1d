/**
 * Very many instances at once: those that were made through the API, copied in the database with their volumes, ports and addresses.
 * Seconds in place of minutes; for what reads them. Hosts know only of the first.
 */
import { Client } from 'pg'

/** Names of all kinds, as people give them; the number makes each another. */
const kinds = ['web', 'db', 'cache', 'build', 'mail', 'proxy', 'queue', 'worker', 'api', 'test']

/** Rows as they are, but for what is named here; `n` is the copy's number. In FROM, or it would run once for each column. */
const copies = [
  `insert into instance select r.*
    from instance i, generate_series(1, $1::int) n, jsonb_populate_record(i, jsonb_build_object(
      'id', copy_id(i.id, n), 'name', name_of(i.id, n), 'hostname', name_of(i.id, n),
      'created_at', i.created_at - make_interval(mins => n::int))) r`,
  `insert into instance_observed select r.*
    from instance_observed s, generate_series(1, $1::int) n,
      jsonb_populate_record(s, jsonb_build_object('instance_id', copy_id(s.instance_id, n))) r`,
  `insert into volume select r.*
    from volume v, generate_series(1, $1::int) n, jsonb_populate_record(v, jsonb_build_object(
      'id', copy_id(v.id, n), 'instance_id', copy_id(v.instance_id, n), 'name', v.name || '-' || n)) r`,
  // Each copy a number of its own: its place in the 48 bits of a MAC, and in the subnet.
  `create temporary table port_copy as
    select id, n, row_number() over (order by n, id) as place from port, generate_series(1, $1::int) n
    where instance_id is not null`,
  `insert into port select r.*
    from port p join port_copy c using (id), jsonb_populate_record(p, jsonb_build_object(
      'id', copy_id(p.id, c.n), 'instance_id', copy_id(p.instance_id, c.n),
      'mac', regexp_replace('06' || lpad(to_hex(c.place), 10, '0'), '(..)(?=.)', '\\1:', 'g'))) r`,
  `insert into port_address select a.network_id, a.subnet_id, copy_id(a.port_id, c.n), '10.2.0.0'::inet + c.place
    from port_address a join port_copy c on c.id = a.port_id`,
  `insert into port_security_group select copy_id(g.port_id, c.n), g.security_group_id
    from port_security_group g join port_copy c on c.id = g.port_id`,
]

/** Copies each of the instances that there are so many times. The database is analysed: plans are those of its size. */
export async function copyInstances(database_url: string, times: number): Promise<void> {
  const client = new Client({ connectionString: database_url })
  await client.connect()
  try {
    await client.query('begin')
    await client.query(`create function pg_temp.copy_id(uuid, bigint) returns uuid language sql immutable as
      $$ select overlay(md5($1::text || $2)::text placing left($1::text, 8) from 1 for 8)::uuid $$`)
    await client.query(`create function pg_temp.name_of(uuid, bigint) returns text language sql immutable as
      $$ select (array['${kinds.join("','")}'])[1 + mod($2, ${kinds.length})] || '-' || substr(md5($1::text || $2), 1, 8) $$`)
    for (const copy of copies)
      await client.query(copy.replaceAll(/\b(copy_id|name_of)\(/g, 'pg_temp.$1('), copy.includes('$1') ? [times] : [])
    await client.query('commit')
    await client.query('vacuum analyze')
  } finally {
    await client.end()
  }
}
