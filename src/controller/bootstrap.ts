/**
 * What a cloud has before anyone did anything: at the first start a domain, a project, an administrator, a place for
 * hosts and a few flavors; at every start the built-in roles and the quota rows, as this program knows them.
 */
import { hashPassword, salt_bytes } from '../lib/password.ts'
import type { ClusterId, DomainId, FlavorId, ProjectId, RoleId, UserId, ZoneId } from '../model/ids.ts'
import { ensureDefaultSecurityGroup } from './app/security-group.ts'
import { type Cloud, makeId } from './cloud.ts'
import type { Tx } from './store/database.ts'
import { domain } from './store/domain.ts'
import { first } from './store/first.ts'
import { project } from './store/project.ts'
import { quota } from './store/quota.ts'
import { role } from './store/role.ts'

type Parts = Pick<Cloud, 'database' | 'clock' | 'random'>

const firstFlavors = [
  { name: 'tiny', vcpus: 1, memory_mib: 128, disk_gib: 1 },
  { name: 'small', vcpus: 1, memory_mib: 512, disk_gib: 10 },
  { name: 'medium', vcpus: 2, memory_mib: 2048, disk_gib: 20 },
  { name: 'large', vcpus: 4, memory_mib: 8192, disk_gib: 40 },
]

/**
 * Idempotent; any number of controllers may do it at once. Returns the administrator's new password when this call made
 * the user `admin`, to be shown once, and null otherwise.
 */
export async function bootstrap(cloud: Parts): Promise<{ admin_password: string | null }> {
  const fresh = (await domain.any(cloud.database.db)) ? null : await newPassword(cloud)
  return cloud.database.transaction(async tx => {
    await first.lock(tx)
    await role.syncBuiltIn(tx, () => makeId<RoleId>(cloud))
    const made = fresh !== null && !(await domain.any(tx))
    if (made) await makeFirst(cloud, tx, fresh.hash)
    await quota.fillIn(tx)
    return { admin_password: made ? fresh.password : null }
  })
}

/** 24 characters of base64url: 144 bits. */
async function newPassword(cloud: Parts): Promise<{ password: string; hash: string }> {
  const password = Buffer.from(cloud.random.bytes(18)).toString('base64url')
  return { password, hash: await hashPassword(password, cloud.random.bytes(salt_bytes)) }
}

async function makeFirst(cloud: Parts, tx: Tx, password_hash: string): Promise<void> {
  const domain_id = makeId<DomainId>(cloud)
  const project_id = makeId<ProjectId>(cloud)
  await domain.insert(tx, { id: domain_id, name: 'default', parent_id: null, description: 'Made at the first start' })
  await project.insert(tx, { id: project_id, domain_id, name: 'default', description: 'Made at the first start' })
  await ensureDefaultSecurityGroup(tx, cloud, project_id)
  const user_id = makeId<UserId>(cloud)
  await first.administrator(tx, { user_id, grant_id: makeId(cloud), domain_id, project_id, password_hash })
  await first.topology(tx, { zone_id: makeId<ZoneId>(cloud), cluster_id: makeId<ClusterId>(cloud) })
  await first.flavors(
    tx,
    firstFlavors.map(sizes => ({ ...sizes, id: makeId<FlavorId>(cloud) })),
  )
}
