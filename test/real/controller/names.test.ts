/** Lists tell names beside ids: to everybody what their own lists would show them, and no more. */
import assert from 'node:assert/strict'
import { after, before, suite, test } from 'node:test'
import { type TestCloud, testCloud } from '../../support/cloud.ts'
import { addHost, addImage, addNetwork } from '../../support/obedient-host.ts'

suite('names beside ids', () => {
  let cloud: TestCloud
  /** Administers the domain `theirs`. */
  let boss: { id: string; token: string; domain_id: string }
  before(async () => {
    cloud = await testCloud()
    await addNetwork(cloud)
    const domain_id = await made('domains', { name: 'theirs' })
    const id = await made('users', { name: 'boss', domain_id })
    await made('role-grants', { user_id: id, role: 'domain-admin', scope: 'domain', domain_id })
    boss = { id, token: await cloud.tokenOf(id), domain_id }
  })
  after(() => cloud?.close())

  async function made(nouns: string, body: object, token?: string): Promise<string> {
    const answered = await cloud.request('POST', `/v1/${nouns}`, { body, ...(token !== undefined && { token }) })
    assert.ok(answered.status < 300, JSON.stringify(answered.body))
    return String(answered.body.id)
  }

  async function newest(path: string, token?: string): Promise<Record<string, unknown>> {
    const { status, body } = await cloud.request('GET', path, token === undefined ? {} : { token })
    assert.equal(status, 200, JSON.stringify(body))
    const [first] = body.items ?? []
    assert(first, `${path}: nothing`)
    return first
  }
  const event = (noun: string, token?: string) => newest(`/v1/events?latest=true&noun=${noun}`, token)
  const row = (action: string, token?: string) => newest(`/v1/audit?action=${action}`, token)

  test('what everybody may list is named to everybody: zones, regions and roles', async () => {
    await made('regions', { name: 'north' })
    await made('zones', { name: 'west' })
    await made('roles', { name: 'watcher', permissions: ['event.read', 'flavor.read'] })
    assert.equal((await event('zone')).resource_name, 'west')
    assert.equal((await row('region.create')).resource_name, 'north')
    assert.equal((await row('role.create')).resource_name, 'watcher')
  })

  test('projects and domains are named to who may look into them, and no others', async () => {
    await made('projects', { name: 'ours' })
    await made('projects', { name: 'yours' }, boss.token)
    assert.equal((await event('project&all_projects=true')).resource_name, 'yours')
    assert.equal((await row('domain.create')).resource_name, 'theirs')
    const told = await row('project.create', boss.token)
    assert.deepEqual([told.resource_name, told.user_name], ['yours', 'boss'])
    const { body } = await cloud.request('GET', '/v1/audit?action=project.create')
    assert.deepEqual(
      body.items?.map(one => one.resource_name),
      ['yours', 'ours'],
    )
  })

  test('who holds a role in a project only is told its name, of projects alike only that one', async () => {
    const mine = await made('projects', { name: 'mine' })
    const clerk = await made('users', { name: 'clerk' })
    await made('role-grants', { user_id: clerk, role: 'member', scope: 'project', project_id: mine })
    await made('roles', { name: 'auditor', permissions: ['audit.read'] })
    await made('role-grants', { user_id: clerk, role: 'auditor', scope: 'system' })
    const { body } = await cloud.request('GET', '/v1/audit?action=project.create', {
      token: await cloud.tokenOf(clerk),
    })
    assert.deepEqual(
      body.items?.map(one => one.resource_name),
      ['mine', null, null],
    )
  })

  test('the administrator of a domain is told the names of its users, and of no others', async () => {
    const theirs = await made('users', { name: 'ada', domain_id: boss.domain_id })
    for (const id of [theirs, cloud.admin_user_id])
      await cloud.request('POST', `/v1/users/${id}/unlock`, { token: boss.token })
    const { body } = await cloud.request('GET', '/v1/audit?action=user.unlock', { token: boss.token })
    assert.deepEqual(
      body.items?.map(one => [one.outcome, one.resource_name]),
      [
        [404, null],
        [200, 'ada'],
      ],
    )
  })

  test('keys are named to whose they are', async () => {
    await made('key-pairs', { name: 'laptop' })
    const told = await event('key-pair')
    assert.deepEqual([told.resource_name, told.user_name], ['laptop', 'admin'])
    const reader = await made('users', { name: 'reader' })
    await made('role-grants', { user_id: reader, role: 'auditor', scope: 'system' })
    assert.equal((await row('key-pair.create', await cloud.tokenOf(reader))).resource_name, null)
  })

  test('flavors are named to who may list them', async () => {
    const clerk = await made('users', { name: 'looker' })
    await made('role-grants', { user_id: clerk, role: 'watcher', scope: 'project', project_id: cloud.project_id })
    await made('flavors', { name: 'huge', vcpus: 64, memory_mib: 65536, disk_gib: 10 })
    const told = await event('flavor', await cloud.tokenOf(clerk, cloud.project_id))
    assert.deepEqual([told.resource_name, told.user_name], ['huge', null])
  })

  test('a host that was removed is told by what it was called', async () => {
    const host = await addHost(cloud, 'h1')
    await cloud.cloud.database.db.updateTable('host').set({ session_controller_id: null }).execute()
    const removed = await cloud.request('DELETE', `/v1/hosts/${host.id}`)
    assert.ok(removed.status < 300, JSON.stringify(removed.body))
    assert.equal((await row('host.remove')).resource_name, 'h1')
    assert.equal((await event('host')).resource_name, 'h1')
  })

  test('what a path names beside the thing does not hide its name', async () => {
    const network_id = await made('networks', { name: 'inner' })
    const subnet_id = await made('subnets', { name: 'inner', network_id, cidr: '10.9.0.0/24' })
    const router = await made('routers', { name: 'gate' })
    await made(`routers/${router}/interfaces`, { subnet_id })
    await cloud.request('DELETE', `/v1/routers/${router}/interfaces/${subnet_id}`)
    const told = await row('router.remove-interface')
    assert.deepEqual([told.outcome, told.resource_id, told.resource_name], [204, router, 'gate'])
    const image = await addImage(cloud)
    await cloud.request('DELETE', `/v1/images/${image}/members/${cloud.project_id}`)
    assert.equal((await row('image.unshare')).resource_name, 'tiny')
    await cloud.request('PUT', `/v1/quotas/project/${cloud.project_id}`, { body: { instances: 7 } })
    assert.equal((await row('quota.set')).resource_name, 'default')
  })

  test('who gave a setting its value is named to who may see that user', async () => {
    await made('roles', { name: 'tuner', permissions: ['setting.read', 'setting.manage'] })
    const user_id = await made('users', { name: 'sue', domain_id: boss.domain_id })
    await made('role-grants', { user_id, role: 'tuner', scope: 'domain', domain_id: boss.domain_id })
    const project_id = await made('projects', { name: 'shop', domain_id: boss.domain_id })
    const sue = await cloud.tokenOf(user_id)
    const path = '/v1/settings/instance.stop_timeout_s'
    const put = { value: 90, project_id }
    const { body: said } = await cloud.request('PUT', path, { body: put })
    assert.equal(said.updated_by_name, 'admin')
    const { body: same } = await cloud.request('PUT', path, { body: put, token: sue })
    assert.deepEqual([same.updated_by, same.updated_by_name], [cloud.admin_user_id, null])
    const told = async (token: string) => {
      const { body } = await cloud.request('GET', `${path}?project_id=${project_id}`, { token })
      const value = await newest(`${path}/values?project_id=${project_id}`, token)
      const change = await newest(`${path}/history?project_id=${project_id}`, token)
      return [body.updated_by_name, value.updated_by_name, change.user]
    }
    assert.deepEqual(await told(sue), [null, null, null])
    assert.deepEqual(await told(cloud.admin), ['admin', 'admin', 'admin'])
    const { body: hers } = await cloud.request('PUT', path, { body: { value: 95, project_id }, token: sue })
    assert.equal(hers.updated_by_name, 'sue')
  })
})
