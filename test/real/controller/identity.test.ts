/** Domains, projects, users, roles and grants: who may do what to whom. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { type AskOptions, type TestCloud, testCloud } from '../../support/cloud.ts'

let cloud: TestCloud
let count = 0
describe('controller/identity', () => {
  before(async () => void (cloud = await testCloud()))
  after(() => cloud.close())

  async function ok(method: string, path: string, options: AskOptions = {}) {
    const answered = await cloud.request(method, path, options)
    assert.ok(answered.status < 300, `${method} ${path}: ${answered.status} ${JSON.stringify(answered.body)}`)
    return answered.body
  }

  async function refused(code: string, method: string, path: string, options: AskOptions = {}) {
    const answered = await cloud.request(method, path, options)
    assert.equal(answered.body.code, code, `${method} ${path}: ${JSON.stringify(answered.body)}`)
    return answered.body
  }

  function fresh(word: string): string {
    return `${word}-${++count}`
  }

  async function makeDomain(body: Record<string, unknown> = {}): Promise<string> {
    return String((await ok('POST', '/v1/domains', { body: { name: fresh('domain'), ...body } })).id)
  }

  async function makeProject(domain_id: string): Promise<string> {
    return String((await ok('POST', '/v1/projects', { body: { name: fresh('project'), domain_id } })).id)
  }

  async function makeUser(domain_id: string): Promise<string> {
    return String((await ok('POST', '/v1/users', { body: { name: fresh('user'), domain_id } })).id)
  }

  test('users, projects, domains and roles: who changes what was changed meanwhile is told', async () => {
    const domain_id = await makeDomain()
    const role = await ok('POST', '/v1/roles', { body: { name: fresh('role'), permissions: ['instance.read'] } })
    for (const path of [
      `/v1/users/${await makeUser(domain_id)}`,
      `/v1/projects/${await makeProject(domain_id)}`,
      `/v1/roles/${String(role.id)}`,
      `/v1/domains/${domain_id}`,
    ]) {
      const first = await cloud.request('GET', path)
      const etag = String(first.headers.etag)
      assert.equal(etag, `"${Number(first.body.version)}"`, path)
      const both = await Promise.all(
        [1, 2].map(() =>
          cloud.request('PATCH', path, { body: { name: fresh('renamed') }, headers: { 'if-match': etag } }),
        ),
      )
      assert.deepEqual(both.map(one => one.status).toSorted(), [200, 412], path)
      const lost = both.find(one => one.status === 412)
      assert.equal(lost?.body.code, 'changed_meanwhile')
      await refused('changed_meanwhile', 'DELETE', path, { headers: { 'if-match': etag } })
      const won = both.find(one => one.status === 200)
      assert.equal(won?.headers.etag, `"${Number(won?.body.version)}"`)
      await ok('PATCH', path, { body: { name: fresh('renamed') }, headers: { 'if-match': String(won?.headers.etag) } })
      await ok('PATCH', path, { body: { name: fresh('renamed') } })
    }
  })

  interface Team {
    domain_id: string
    project_id: string
    /** Of a domain-admin of this domain, and of a member of the project. */
    boss: string
    boss_id: string
    member: string
    member_id: string
  }

  async function makeTeam(): Promise<Team> {
    const domain_id = await makeDomain()
    const project_id = await makeProject(domain_id)
    const [boss_id, member_id] = [await makeUser(domain_id), await makeUser(domain_id)]
    const grant = (body: Record<string, unknown>) => ok('POST', '/v1/role-grants', { body })
    await grant({ user_id: boss_id, role: 'domain-admin', scope: 'domain', domain_id })
    await grant({ user_id: member_id, role: 'member', scope: 'project', project_id })
    const boss = await cloud.tokenOf(boss_id, project_id)
    const member = await cloud.tokenOf(member_id, project_id)
    return { domain_id, project_id, boss, boss_id, member, member_id }
  }

  test('a domain: made, found, renamed, deleted; names are unique, also at once', async () => {
    const id = await makeDomain({ description: 'first' })
    assert.equal((await ok('GET', `/v1/domains/${id}`)).description, 'first')
    const name = fresh('same')
    const both = await Promise.all([1, 2, 3].map(() => cloud.request('POST', '/v1/domains', { body: { name } })))
    assert.deepEqual(both.map(({ status }) => status).toSorted(), [201, 409, 409])
    await refused('name_taken', 'PATCH', `/v1/domains/${id}`, { body: { name } })
    assert.equal((await ok('PATCH', `/v1/domains/${id}`, { body: { description: 'second' } })).description, 'second')
    await refused('invalid', 'PATCH', `/v1/domains/${id}`, { body: { parent_id: id } })
    await ok('DELETE', `/v1/domains/${id}`)
    await refused('not_found', 'GET', `/v1/domains/${id}`)
  })

  test('a domain that holds something stays, and says what it holds', async () => {
    const id = await makeDomain()
    await makeDomain({ parent_id: id })
    await makeProject(id)
    const body = await refused('in_use', 'DELETE', `/v1/domains/${id}`)
    assert.match(String(body.detail), /1 domain, 1 project/)
  })

  test('users of a disabled domain are out, and back when it is enabled again', async () => {
    const team = await makeTeam()
    await ok('GET', '/v1/session', { token: team.member })
    await ok('PATCH', `/v1/domains/${team.domain_id}`, { body: { enabled: false } })
    await refused('not_signed_in', 'GET', '/v1/session', { token: team.member })
    await ok('PATCH', `/v1/domains/${team.domain_id}`, { body: { enabled: true } })
    await ok('GET', '/v1/session', { token: team.member })
  })

  test('a domain administrator sees and manages the own domain and what is below, and nothing else', async () => {
    const [mine, theirs] = [await makeTeam(), await makeTeam()]
    const below = await makeDomain({ parent_id: mine.domain_id })
    const token = mine.boss
    await ok('POST', '/v1/projects', { token, body: { name: 'own', domain_id: mine.domain_id } })
    await ok('POST', '/v1/projects', { token, body: { name: 'own', domain_id: below } })
    await refused('not_found', 'POST', '/v1/projects', { token, body: { name: 'own', domain_id: theirs.domain_id } })
    await refused('not_found', 'GET', `/v1/projects/${theirs.project_id}`, { token })
    await refused('not_found', 'PATCH', `/v1/projects/${theirs.project_id}`, { token, body: { enabled: false } })
    await refused('not_found', 'DELETE', `/v1/projects/${theirs.project_id}`, { token })
    await refused('not_found', 'GET', `/v1/users/${theirs.member_id}`, { token })
    await refused('not_found', 'DELETE', `/v1/users/${theirs.member_id}`, { token })
    await refused('not_found', 'GET', `/v1/domains/${theirs.domain_id}`, { token })
    const users = await ok('GET', '/v1/users', { token })
    assert.ok(users.items?.every(user => user.domain_id === mine.domain_id || user.domain_id === below))
    const projects = await ok('GET', '/v1/projects', { token })
    assert.deepEqual(projects.items?.length, 3)
    const domains = await ok('GET', '/v1/domains', { token })
    assert.deepEqual(domains.items?.map(domain => domain.id).toSorted(), [mine.domain_id, below].toSorted())
    await refused('forbidden', 'POST', '/v1/domains', { token, body: { name: 'more' } })
  })

  test('a member sees the own project, and manages nobody', async () => {
    const team = await makeTeam()
    const token = team.member
    const projects = await ok('GET', '/v1/projects', { token })
    assert.deepEqual(
      projects.items?.map(project => project.id),
      [team.project_id],
    )
    await refused('forbidden', 'GET', '/v1/users', { token })
    await refused('forbidden', 'POST', '/v1/users', { token, body: { name: 'x' } })
    await refused('forbidden', 'POST', '/v1/role-grants', {
      token,
      body: { user_id: team.member_id, role: 'admin', scope: 'system' },
    })
    await refused('forbidden', 'PUT', `/v1/quotas/project/${team.project_id}`, { token, body: { instances: 1 } })
    assert.equal((await ok('GET', `/v1/users/${team.member_id}`, { token })).id, team.member_id)
    await refused('not_found', 'GET', `/v1/users/${team.boss_id}`, { token })
  })

  test('a project is deleted only when it is empty, with a list of what is left', async () => {
    const { project_id, member } = await makeTeam()
    const { db } = cloud.cloud.database
    const group = crypto.randomUUID()
    await db.insertInto('security_group').values({ id: group, project_id, name: 'web' }).execute()
    const body = await refused('in_use', 'DELETE', `/v1/projects/${project_id}`)
    assert.deepEqual(body.left, [{ noun: 'security group', count: 1 }])
    await db.deleteFrom('security_group').where('id', '=', group).execute()
    await ok('DELETE', `/v1/projects/${project_id}`)
    await refused('not_signed_in', 'GET', '/v1/session', { token: member })
    const left = await db.selectFrom('quota').selectAll().where('scope_id', '=', project_id).execute()
    assert.equal(left.length, 0)
  })

  test('a new project has its default security group', async () => {
    const { project_id } = await makeTeam()
    for (const id of [project_id, cloud.project_id]) {
      const groups = await cloud.cloud.database.db
        .selectFrom('security_group')
        .select(['name', 'is_default'])
        .where('project_id', '=', id)
        .execute()
      assert.deepEqual(groups, [{ name: 'default', is_default: true }])
    }
  })

  test('a disabled project shuts its people out, and nothing else', async () => {
    const team = await makeTeam()
    await ok('PATCH', `/v1/projects/${team.project_id}`, { token: team.boss, body: { enabled: false } })
    await refused('not_signed_in', 'GET', '/v1/session', { token: team.member })
    await refused('not_signed_in', 'GET', '/v1/session', { token: team.boss })
    await ok('GET', '/v1/session', { token: await cloud.tokenOf(team.boss_id) })
  })

  test('nobody grants what they do not hold, nor outside their domain', async () => {
    const [team, other] = [await makeTeam(), await makeTeam()]
    const token = team.boss
    const { domain_id, project_id, member_id: user_id } = team
    const grant = (body: Record<string, unknown>) => ({ token, body: { user_id, ...body } })
    await refused('forbidden', 'POST', '/v1/role-grants', grant({ role: 'reader', scope: 'system' }))
    await refused('forbidden', 'POST', '/v1/role-grants', grant({ role: 'admin', scope: 'domain', domain_id }))
    const missing = await refused(
      'forbidden',
      'POST',
      '/v1/role-grants',
      grant({ role: 'admin', scope: 'project', project_id }),
    )
    assert.ok((missing.missing as string[]).includes('setting.manage'))
    await refused(
      'not_found',
      'POST',
      '/v1/role-grants',
      grant({ role: 'reader', scope: 'domain', domain_id: other.domain_id }),
    )
    await refused(
      'not_found',
      'POST',
      '/v1/role-grants',
      grant({ role: 'reader', scope: 'project', project_id: other.project_id }),
    )
    await refused('not_found', 'POST', '/v1/role-grants', {
      token,
      body: { user_id: other.member_id, role: 'reader', scope: 'project', project_id },
    })
    const given = await ok('POST', '/v1/role-grants', grant({ role: 'operator', scope: 'project', project_id }))
    await refused('conflict', 'POST', '/v1/role-grants', grant({ role: 'operator', scope: 'project', project_id }))
    await ok('DELETE', `/v1/role-grants/${String(given.id)}`, { token })
    await refused('not_found', 'DELETE', `/v1/role-grants/${String(given.id)}`, { token })
  })

  test('a grant names exactly its place', async () => {
    const { domain_id, project_id, member_id: user_id } = await makeTeam()
    for (const body of [
      { scope: 'system', domain_id },
      { scope: 'domain' },
      { scope: 'domain', project_id },
      { scope: 'project', project_id, domain_id },
    ]) {
      await refused('invalid', 'POST', '/v1/role-grants', { body: { user_id, role: 'reader', ...body } })
    }
    await refused('not_found', 'POST', '/v1/role-grants', { body: { user_id, role: 'no-such', scope: 'system' } })
  })

  test('a revoked grant counts at once, for tokens that are out already', async () => {
    const team = await makeTeam()
    const before = await ok('GET', '/v1/flavors', { token: team.member })
    assert.ok(before.items)
    const grants = await ok('GET', `/v1/role-grants?user_id=${team.member_id}`, { token: team.boss })
    const [grant] = grants.items ?? []
    await ok('DELETE', `/v1/role-grants/${String(grant?.id)}`, { token: team.boss })
    await refused('forbidden', 'GET', '/v1/flavors', { token: team.member })
  })

  test('a domain administrator cannot take over one who may do more', async () => {
    const team = await makeTeam()
    const strong_id = await makeUser(team.domain_id)
    await ok('POST', '/v1/role-grants', { body: { user_id: strong_id, role: 'admin', scope: 'system' } })
    const token = team.boss
    const password = 'a new password'
    await refused('forbidden', 'POST', `/v1/users/${strong_id}/password`, { token, body: { password } })
    await refused('forbidden', 'PATCH', `/v1/users/${strong_id}`, { token, body: { enabled: false } })
    await refused('forbidden', 'DELETE', `/v1/users/${strong_id}`, { token })
    await ok('POST', `/v1/users/${team.member_id}/password`, { token, body: { password } })
  })

  test('roles: composed, changed for all who hold them, kept while someone does; those of Croft stay', async () => {
    const team = await makeTeam()
    const made = await ok('POST', '/v1/roles', { body: { name: fresh('role'), permissions: ['flavor.read'] } })
    const id = String(made.id)
    await refused('name_taken', 'POST', '/v1/roles', { body: { name: 'member', permissions: [] } })
    await refused('invalid', 'POST', '/v1/roles', { body: { name: 'x', permissions: ['everything'] } })
    const user_id = await makeUser(team.domain_id)
    const { project_id } = team
    const grant = await ok('POST', '/v1/role-grants', { body: { user_id, role: id, scope: 'project', project_id } })
    const token = await cloud.tokenOf(user_id, project_id)
    await ok('GET', '/v1/flavors', { token })
    await ok('PATCH', `/v1/roles/${id}`, { body: { permissions: ['image.read'] } })
    await refused('forbidden', 'GET', '/v1/flavors', { token })
    await refused('in_use', 'DELETE', `/v1/roles/${id}`)
    await ok('DELETE', `/v1/role-grants/${String(grant.id)}`)
    await ok('DELETE', `/v1/roles/${id}`)
    const listed = await ok('GET', '/v1/roles?name=member', { token: team.member })
    const member_id = String(listed.items?.[0]?.id)
    await refused('wrong_state', 'PATCH', `/v1/roles/${member_id}`, { body: { permissions: [] } })
    await refused('wrong_state', 'DELETE', `/v1/roles/${member_id}`)
  })

  test('one may not compose a role of what one does not hold', async () => {
    const { domain_id } = await makeTeam()
    const name = fresh('role-maker')
    await ok('POST', '/v1/roles', { body: { name, permissions: ['role.manage', 'role.read', 'flavor.read'] } })
    const user_id = await makeUser(domain_id)
    await ok('POST', '/v1/role-grants', { body: { user_id, role: name, scope: 'system' } })
    const token = await cloud.tokenOf(user_id)
    await ok('POST', '/v1/roles', { token, body: { name: fresh('small'), permissions: ['flavor.read'] } })
    await refused('forbidden', 'POST', '/v1/roles', {
      token,
      body: { name: fresh('large'), permissions: ['flavor.read', 'setting.manage'] },
    })
  })

  test('there is always someone who can run the cloud', async () => {
    const me = cloud.admin_user_id
    await refused('wrong_state', 'PATCH', `/v1/users/${me}`, { body: { enabled: false } })
    await refused('wrong_state', 'DELETE', `/v1/users/${me}`)
    const grants = await ok('GET', `/v1/role-grants?user_id=${me}`)
    await refused('wrong_state', 'DELETE', `/v1/role-grants/${String(grants.items?.[0]?.id)}`)
    await ok('GET', '/v1/session')
  })

  test('users: names unique in a domain, bad shapes refused, an Idempotency-Key makes one', async () => {
    const domain_id = await makeDomain()
    const name = fresh('user')
    const body = { name, domain_id, email: 'a@b.example' }
    const both = await Promise.all([1, 2, 3].map(() => cloud.request('POST', '/v1/users', { body })))
    assert.deepEqual(both.map(({ status }) => status).toSorted(), [201, 409, 409])
    await ok('POST', '/v1/users', { body: { name } })
    for (const bad of [
      { name: '' },
      { name: 'a\nb' },
      { name: 'x', email: 'no' },
      { name: 'x', password: 'short' },
      { name: 'x', root: true },
    ]) {
      await refused('invalid', 'POST', '/v1/users', { body: bad })
    }
    await refused('invalid', 'POST', '/v1/users', { body: { name: 'x', password: 'ü'.repeat(600) } })
    await refused('not_found', 'POST', '/v1/users', { body: { name: 'x', default_project_id: crypto.randomUUID() } })
    const headers = { 'idempotency-key': fresh('key') }
    const twice = { body: { name: fresh('user'), domain_id }, headers }
    const [one, two] = await Promise.all([ok('POST', '/v1/users', twice), ok('POST', '/v1/users', twice)])
    assert.equal(one.id, two.id)
    await refused('idempotency_mismatch', 'POST', '/v1/users', { body: { name: 'other' }, headers })
  })

  test('lists come in pages, in the order asked for, and miss nothing', async () => {
    const domain_id = await makeDomain()
    for (let i = 0; i < 7; i++) await makeUser(domain_id)
    const seen: unknown[] = []
    let next: unknown = null
    do {
      const cursor = next === null ? '' : `&cursor=${String(next)}`
      const page = await ok('GET', `/v1/users?domain_id=${domain_id}&limit=3&sort=-name${cursor}`)
      seen.push(...(page.items ?? []).map(user => user.name))
      next = page.next
    } while (next !== null)
    assert.equal(seen.length, 7)
    assert.deepEqual(seen, seen.toSorted().toReversed())
    await refused('invalid', 'GET', '/v1/users?sort=email')
    await refused('invalid', 'GET', '/v1/users?limit=0')
  })

  test('the own password changes with the old one only, and signs out everywhere else', async () => {
    const domain = fresh('domain')
    await makeDomain({ name: domain })
    const made = await ok('GET', `/v1/domains?name=${domain}`)
    const domain_id = String(made.items?.[0]?.id)
    const user = fresh('user')
    const created = await ok('POST', '/v1/users', { body: { name: user, domain_id, password: 'first password' } })
    const id = String(created.id)
    const signIn = (password: string) =>
      cloud.request('POST', '/v1/sign-in', { token: null, body: { user, password, domain } })
    const token = String((await signIn('first password')).body.token)
    const elsewhere = String((await signIn('first password')).body.token)
    const path = `/v1/users/${id}/password`
    await refused('invalid', 'POST', path, { token, body: { password: 'second password' } })
    await refused('sign_in_refused', 'POST', path, { token, body: { password: 'second password', old_password: 'no' } })
    await ok('POST', path, { token, body: { password: 'second password', old_password: 'first password' } })
    await ok('GET', '/v1/session', { token })
    await refused('not_signed_in', 'GET', '/v1/session', { token: elsewhere })
    assert.equal((await signIn('first password')).status, 401)
    assert.equal((await signIn('second password')).status, 201)
  })

  test('an administrator unlocks, and disabling signs out', async () => {
    const { member, member_id, boss } = await makeTeam()
    await cloud.cloud.database.db
      .insertInto('sign_in_attempt')
      .values({ key: `user:${member_id}`, failed: 5, locked_until: new Date(Date.now() + 600_000) })
      .execute()
    assert.ok((await ok('GET', `/v1/users/${member_id}`, { token: boss })).locked_until)
    assert.equal((await ok('POST', `/v1/users/${member_id}/unlock`, { token: boss })).locked_until, null)
    assert.equal((await ok('GET', `/v1/users/${member_id}`, { token: boss })).locked_until, null)
    await ok('PATCH', `/v1/users/${member_id}`, { token: boss, body: { enabled: false } })
    await refused('not_signed_in', 'GET', '/v1/session', { token: member })
  })

  test('a token for another project: only where a role is held, and not by API key', async () => {
    const team = await makeTeam()
    const second = await makeProject(team.domain_id)
    const other = await makeTeam()
    const token = team.boss
    const moved = await ok('POST', '/v1/session/project', { token, body: { project: second } })
    const there = await ok('GET', '/v1/session', { token: String(moved.token) })
    assert.equal((there.project as { id: string }).id, second)
    assert.equal(there.expires_at, (await ok('GET', '/v1/session', { token })).expires_at)
    await refused('not_found', 'POST', '/v1/session/project', { token, body: { project: other.project_id } })
    await refused('not_found', 'POST', '/v1/session/project', { token: team.member, body: { project: second } })
    const key = await ok('POST', '/v1/api-keys', { token, body: { name: 'robot' } })
    await refused('wrong_state', 'POST', '/v1/session/project', {
      token: String(key.secret),
      body: { project: second },
    })
  })
})
