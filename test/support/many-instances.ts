/** As many instances as make a difference to PostgreSQL's plans, straight into the database: nobody starts them. */
import { sql } from 'kysely'
import type { TestCloud } from './cloud.ts'

/** On a hundred hosts that are not linked; each was made a second before the one with the number below it. */
export async function addManyInstances(test: TestCloud, count: number): Promise<void> {
  const { db } = test.cloud.database
  await sql`insert into host (id, cluster_id, name, machine_id, certificate_sha256)
    select gen_random_uuid(), c.id, 'h' || n, 'm' || n, 'x' from cluster c, generate_series(1, 100) n`.execute(db)
  await sql`insert into instance (id, project_id, user_id, name, hostname, host_id, zone_id, flavor_id, flavor_name, image_name,
      vcpus, memory_mib, disk_gib, wanted_power, created_at)
    select gen_random_uuid(), ${test.project_id}, ${test.admin_user_id}, 'vm-' || md5(n::text), 'vm', h.id, z.id,
      gen_random_uuid(), 'tiny', 'tiny', 1, 128, 1, 'running', now() - n * interval '1 second'
    from generate_series(1, ${count}::int) n join (select id, row_number() over () as r from host) h on h.r = n % 100 + 1,
      zone z`.execute(db)
}
