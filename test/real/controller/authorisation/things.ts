/** Two teams that know nothing of each other, each with one of everything, made over the API as they would make it. */
import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { haRestart } from '../../../../src/controller/store/ha-restart.ts'
import type { TestCloud } from '../../../support/cloud.ts'
import type { Things } from './samples.ts'

export interface Team {
  readonly things: Things
  readonly member: string
  readonly reader: string
  /** Runs the team's domain. */
  readonly chief: string
  /** Signed in to the project, with no grant at all. */
  readonly nobody: string
}

type Body = Record<string, unknown>

export function asker(cloud: TestCloud, token: string) {
  return async (method: string, path: string, body?: unknown): Promise<Body> => {
    const headers = { prefer: path === '/v1/instances' ? 'wait=10' : 'wait=0' }
    const answered = await cloud.request(method, path, { token, headers, ...(body !== undefined && { body }) })
    assert.ok(answered.status < 300, `${method} ${path}: ${answered.status} ${JSON.stringify(answered.body)}`)
    return answered.body
  }
}

/** `octet`: of the team's own subnet, 10.octet.0.0/24. Needs a host. */
export async function makeTeam(cloud: TestCloud, name: string, octet: number): Promise<Team> {
  const admin = asker(cloud, cloud.admin)
  const idOf = async (path: string, body: Body, as = admin) => String((await as('POST', path, body)).id)
  const domain = await idOf('/v1/domains', { name })
  const project = await idOf('/v1/projects', { name, domain_id: domain })
  const people = async (who: string, grant: Body | null) => {
    const user_id = await idOf('/v1/users', { name: `${name}-${who}`, domain_id: domain })
    const grant_id = grant && (await idOf('/v1/role-grants', { user_id, ...grant }))
    return { user_id, grant_id, token: await cloud.tokenOf(user_id, project) }
  }
  const on_project = { scope: 'project', project_id: project }
  const member = await people('member', { role: 'member', ...on_project })
  const reader = await people('reader', { role: 'reader', ...on_project })
  const chief = await people('chief', { role: 'domain-admin', scope: 'domain', domain_id: domain })
  const nobody = await people('nobody', null)
  const things = {
    domain,
    project,
    id: project,
    scope: 'project',
    user: member.user_id,
    role_grant: String(member.grant_id),
    ...(await makeResources(cloud, member.token, octet)),
    ...(await findShared(cloud)),
  }
  return { things, member: member.token, reader: reader.token, chief: chief.token, nobody: nobody.token }
}

async function makeResources(cloud: TestCloud, token: string, octet: number): Promise<Things> {
  const ask = asker(cloud, token)
  const idOf = async (path: string, body: Body) => String((await ask('POST', path, body)).id)
  const network = await idOf('/v1/networks', { name: 'net' })
  const subnet = await idOf('/v1/subnets', { name: 'sub', network_id: network, cidr: `10.${octet}.0.0/24` })
  const router = await idOf('/v1/routers', { name: 'router' })
  await ask('POST', `/v1/routers/${router}/interfaces`, { subnet_id: subnet })
  const port = await idOf('/v1/ports', { network_id: network, name: 'port' })
  const security_group = await idOf('/v1/security-groups', { name: 'group' })
  const ruled = await ask('POST', `/v1/security-groups/${security_group}/rules`, { direction: 'ingress' })
  const { image } = await ask('POST', '/v1/images', { name: 'image' })
  const image_id = String((image as Body).id)
  // Its content does not matter to who may do what with it.
  await cloud.cloud.database.db
    .updateTable('image')
    .set({
      status: 'ready',
      format: 'qcow2',
      size_bytes: 1,
      sha256: 'ab'.repeat(32),
      virtual_size_bytes: 1024,
    } as never)
    .where('id', '=', image_id)
    .execute()
  const flavors = await ask('GET', '/v1/flavors?name=tiny')
  const flavor_id = (flavors.items as Body[])[0]?.id
  const networks = [{ network_id: network }]
  const made = await ask('POST', '/v1/instances', { name: 'vm', flavor_id, image_id, networks })
  const instance = String((made.items as Body[])[0]?.id)
  const volumes = await ask('GET', '/v1/volumes')
  const placement = await ask('GET', `/v1/instances/${instance}/placement`)
  return {
    network,
    subnet,
    router,
    port,
    security_group,
    rule: ruleOf(ruled),
    image: image_id,
    instance,
    migration: await moved(cloud, instance),
    ha_restart: await restarted(cloud, instance),
    volume: String((volumes.items as Body[])[0]?.id),
    console: await sit(cloud, instance),
    console_link: await idOf(`/v1/instances/${instance}/console-links`, {}),
    operation: String((made.operation as Body).id),
    placement: String(placement.id),
    instance_group: await idOf('/v1/instance-groups', { name: 'group', policy: 'soft-affinity' }),
    floating_ip: await idOf('/v1/floating-ips', {}),
    api_key: await idOf('/v1/api-keys', { name: 'key' }),
    key_pair: await idOf('/v1/key-pairs', { name: 'key' }),
  }
}

/** A migration of the instance that has ended, from a host that there is nothing else of. */
async function moved(cloud: TestCloud, instance_id: string): Promise<string> {
  const { db } = cloud.cloud.database
  const { id: target_host_id, cluster_id } = await db
    .selectFrom('host')
    .select(['id', 'cluster_id'])
    .where('name', '=', 'h1')
    .executeTakeFirstOrThrow()
  const [id, source_host_id] = [crypto.randomUUID(), crypto.randomUUID()]
  const old = { id: source_host_id, name: `old ${id}`, machine_id: id, certificate_sha256: Buffer.from(id) }
  await db
    .insertInto('host')
    .values({ ...old, cluster_id })
    .execute()
  const what = { instance_id, instance_name: 'vm', project_id: cloud.project_id, kind: 'live' as const }
  const amounts = { vcpus: 0, memory_mib: 0, disk_gib: 0 }
  const end = { phase: 'ended' as const, outcome: 'succeeded' as const, ended_at: new Date() }
  await db
    .insertInto('migration')
    .values({ id, ...what, ...amounts, ...end, source_host_id, target_host_id })
    .execute()
  return id
}

/** A restart of the instance that has ended, from a host that is no longer known. */
async function restarted(cloud: TestCloud, instance_id: string): Promise<string> {
  const id = crypto.randomUUID()
  const hosts = { from_host_id: crypto.randomUUID(), from_host: 'lost', to_host_id: null, to_host: null }
  const { project_id } = await cloud.cloud.database.db
    .selectFrom('instance')
    .select('project_id')
    .where('id', '=', instance_id)
    .executeTakeFirstOrThrow()
  await cloud.cloud.database.transaction(tx =>
    haRestart.insert(tx, {
      ...hosts,
      id,
      instance_id,
      project_id,
      generation: 1,
      fenced_by: 'person',
      lost_at: new Date(),
      reason: 'lost',
      outcome: 'no_room',
      failure: null,
      verify_s: null,
    }),
  )
  return id
}

/** Somebody at the instance's console, as the controller that holds the socket writes it down. */
async function sit(cloud: TestCloud, instance_id: string): Promise<string> {
  const id = crypto.randomUUID()
  const { id: controller_id } = cloud.cloud.self
  const viewer = {
    id,
    instance_id,
    controller_id,
    user_id: cloud.admin_user_id,
    kind: 'serial',
    view_only: true,
    address: '',
  }
  await cloud.cloud.database.db
    .insertInto('console_viewer')
    .values({ ...viewer, kind: 'serial' })
    .execute()
  return id
}

/** The newest rule of an answer that is a rule, or a group with rules. */
function ruleOf(body: Body): string {
  const rules = body.rules as Body[] | undefined
  return String(rules ? rules.at(-1)?.id : body.id)
}

/** One key is all it takes; a second team finds it there. */
async function imageKey(cloud: TestCloud): Promise<string> {
  const { items } = (await cloud.request('GET', '/v1/image-keys')).body
  if (items?.[0]) return String(items[0].id)
  const { publicKey } = generateKeyPairSync('ed25519')
  const public_key = String(publicKey.export({ type: 'spki', format: 'pem' }))
  return String((await asker(cloud, cloud.admin)('POST', '/v1/image-keys', { name: 'key', public_key })).id)
}

async function pciAlias(cloud: TestCloud): Promise<string> {
  const { items } = (await cloud.request('GET', '/v1/pci-aliases')).body
  if (items?.[0]) return String(items[0].id)
  return String((await asker(cloud, cloud.admin)('POST', '/v1/pci-aliases', { name: 'gpu', vendor: '10de' })).id)
}

/** One aggregate, and one machine that waits, are all it takes; a second team finds them there. */
async function aggregate(cloud: TestCloud): Promise<string> {
  const { items } = (await cloud.request('GET', '/v1/aggregates')).body
  if (items?.[0]) return String(items[0].id)
  return String((await asker(cloud, cloud.admin)('POST', '/v1/aggregates', { name: 'fast' })).id)
}

async function hostInvitation(cloud: TestCloud): Promise<string> {
  const { items } = (await cloud.request('GET', '/v1/host-invitations')).body
  if (items?.[0]) return String(items[0].id)
  return String((await asker(cloud, cloud.admin)('POST', '/v1/host-invitations', {})).id)
}

async function hostRegistration(cloud: TestCloud): Promise<string> {
  const { items } = (await cloud.request('GET', '/v1/host-registrations')).body
  if (items?.[0]) return String(items[0].id)
  const id = crypto.randomUUID()
  const key_sha256 = Buffer.alloc(32, 1)
  const said = { hostname: 'waiter', machine_id: 'machine-waiter', address: '192.0.2.1' }
  await cloud.cloud.database.db
    .insertInto('host_registration')
    .values({ id, key_sha256, csr_pem: '', ...said, expires_at: new Date(Date.now() + 86_400_000) })
    .execute()
  return id
}

/** What belongs to the cloud and to no project. */
async function findShared(cloud: TestCloud): Promise<Things> {
  const first = async (path: string) => {
    const { items } = (await cloud.request('GET', path)).body
    return String(items?.[0]?.id)
  }
  return {
    flavor: await first('/v1/flavors?name=tiny'),
    region: await first('/v1/regions'),
    zone: await first('/v1/zones'),
    aggregate: await aggregate(cloud),
    host_invitation: await hostInvitation(cloud),
    host_registration: await hostRegistration(cloud),
    cluster: await first('/v1/clusters'),
    host: await first('/v1/hosts?name=h1'),
    pool: await first('/v1/pools'),
    image_key: await imageKey(cloud),
    pci_alias: await pciAlias(cloud),
    role: await first('/v1/roles?name=operator'),
    setting: 'instance.stop_timeout_s',
    plugin: 'cost',
  }
}
