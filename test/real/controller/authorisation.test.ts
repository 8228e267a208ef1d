/**
 * Walks the whole contract as those who may not: without a token, without a grant, as a reader, as a member on what is
 * the system's, and as another team on this team's things. A route that nothing here can try fails the test.
 */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { allRoutes } from '../../../src/api/index.ts'
import type { Route } from '../../../src/api/route.ts'
import { builtInRoles, type Permission } from '../../../src/model/permissions.ts'
import { type TestCloud, testCloud } from '../../support/cloud.ts'
import { addHost } from '../../support/obedient-host.ts'
import { bodyOf, intrusions, type Things } from './authorisation/samples.ts'
import { makeTeam, type Team } from './authorisation/things.ts'

let cloud: TestCloud
let ours: Team
let theirs: Team
describe('controller/authorisation', () => {
  before(async () => {
    cloud = await testCloud()
    const host = await addHost(cloud, 'h1', { pool_id: '01890000-0000-7000-8000-00000000000a' })
    host.onCall = () => ({ error: 'no guests to be asked here' })
    const { project_id } = cloud
    const outside = { name: 'outside', kind: 'external', shared: true, physical_network: 'outside' }
    const network = await cloud.request('POST', '/v1/networks', { body: outside })
    assert.equal(network.status, 201, JSON.stringify(network.body))
    const subnet = { name: 'outside', network_id: network.body.id, cidr: '198.51.100.0/24' }
    assert.equal((await cloud.request('POST', '/v1/subnets', { body: subnet })).status, 201, project_id)
    ours = await makeTeam(cloud, 'ours', 1)
    theirs = await makeTeam(cloud, 'theirs', 2)
  })
  after(() => cloud.close())

  /** What everybody who is signed in may see, of those routes that name one thing. */
  const openToAll = new Set(['flavor.get', 'image-key.get', 'region.get', 'zone.get', 'role.get', 'plugin.get'])

  /** Lists of what belongs to no project, where asking for all projects changes nothing. */
  const ofTheCloud = new Set(['flavor.list', 'image-key.list'])

  /** Headers without which a route would not come as far as to ask who it is. */
  const headersOf: Readonly<Record<string, (things: Things) => Record<string, string>>> = {
    'image-upload.create': things => ({
      'tus-resumable': '1.0.0',
      'upload-length': '8',
      'upload-metadata': `image_id ${Buffer.from(String(things.image)).toString('base64')}`,
    }),
    'image-upload.head': () => ({ 'tus-resumable': '1.0.0' }),
    'image-upload.patch': () => ({
      'tus-resumable': '1.0.0',
      'upload-offset': '0',
      'content-type': 'application/offset+octet-stream',
    }),
    'image.put': () => ({ 'content-type': 'application/octet-stream' }),
  }

  function pathOf(route: Route, things: Things): string {
    return route.path.replaceAll(/:(\w+)/g, (_, name: string) => {
      const id = things[name]
      if (id === undefined) throw new Error(`${route.name} names a ${name}: add one to authorisation/things.ts`)
      return id
    })
  }

  interface Asked {
    token: string | null
    /** Whose things the path names, and whose the body. */
    path_of: Team
    body?: object | undefined
  }

  async function ask(route: Route, { token, path_of, body }: Asked) {
    const headers = headersOf[route.name]?.(path_of.things)
    return cloud.request(route.method, pathOf(route, path_of.things), {
      token,
      ...(body && { body }),
      ...(headers && { headers }),
    })
  }

  /** Asks for every route and tells all that were not answered as expected, in one failure. */
  async function each(
    routes: readonly Route[],
    token: string | null,
    expected: (route: Route) => number,
    { path_of = ours, bodies = (route: Route): (object | undefined)[] => [bodyOf(route, ours.things)] } = {},
  ): Promise<number> {
    const wrong: string[] = []
    let tried = 0
    for (const route of routes) {
      for (const body of bodies(route)) {
        const answered = await ask(route, { token, path_of, body })
        tried += 1
        if (answered.status !== expected(route)) {
          wrong.push(
            `${route.name}: ${answered.status}, not ${expected(route)}: ${JSON.stringify([body, answered.body])}`,
          )
        }
      }
    }
    assert.equal(wrong.length, 0, `\n  ${wrong.join('\n  ')}`)
    return tried
  }

  const closed = allRoutes.filter(route => route.level !== 'public')
  const named = closed.filter(route => route.path.includes(':') || route.name === 'image-upload.create')

  function holds(role: keyof typeof builtInRoles, permission: Permission | null): boolean {
    return permission !== null && (builtInRoles[role].permissions as readonly Permission[]).includes(permission)
  }

  test('without a token, and with one that is not good, every route answers 401', async () => {
    const tried = await each(closed, null, () => 401)
    assert.ok(tried >= 90, `only ${tried} routes were tried`)
    await each(closed, 'croft_t_0123456789abcdef0123456789abcdef', () => 401)
  })

  test('without a grant, everything that needs a permission answers 403, shape or not', async () => {
    const needing = closed.filter(route => route.needs !== null)
    await each(needing, ours.nobody, () => 403)
    await each(needing, ours.nobody, () => 403, { bodies: () => [undefined] })
  })

  /** Metrics are of things, named in the query and looked at there (metrics.test.ts): of none there are none. */
  const withoutAThing: Readonly<Record<string, number>> = {
    'metrics.get': 422,
    'metrics.latest': 422,
    'metrics.stream': 422,
    'metrics.prometheus': 403,
    // For a text that is not given.
    'search.find': 422,
  }

  test('without a grant, one sees what is open to all and what is one’s own, and nothing else', async () => {
    const own = closed.filter(route => route.level === 'self' && route.needs === null && route.method === 'GET')
    // What the stream of events tells whoever holds nothing is seen in given.test.ts: it does not end.
    const listed = own.filter(route => !route.path.includes(':') && route.name !== 'event.stream')
    assert.ok(listed.length >= 5)
    await each(listed, ours.nobody, route => withoutAThing[route.name] ?? 200)
    for (const route of listed) {
      const { items } = (await ask(route, { token: ours.nobody, path_of: ours })).body
      const text = JSON.stringify(items ?? [])
      for (const noun of ['project', 'role_grant', 'api_key', 'key_pair', 'instance'] as const) {
        assert.ok(!text.includes(`"id":"${ours.things[noun]}"`), `${route.name} shows the team's ${noun}`)
      }
    }
  })

  /** Asked with a body, and yet only looking. */
  const onlyLooking = new Set(['instance.console', 'security-group.check'])

  test('a reader changes nothing', async () => {
    const changing = closed.filter(
      ({ method, needs, name }) => method !== 'GET' && method !== 'HEAD' && needs !== null && !onlyLooking.has(name),
    )
    assert.ok(changing.length >= 40)
    await each(changing, ours.reader, () => 403)
  })

  test('a member of a project does nothing on the system, or in the domain', async () => {
    const above = closed.filter(route => route.level === 'system' || route.level === 'domain')
    assert.ok(above.length >= 30)
    await each(above, ours.member, () => 403)
  })

  test('who runs a domain does nothing on the system', async () => {
    await each(
      closed.filter(route => route.level === 'system'),
      ours.chief,
      () => 403,
    )
  })

  /** What not even a member may, wherever: refused at the door. */
  const beyondMember = (route: Route) =>
    route.level === 'system' || route.level === 'domain' || route.needs === 'instance.command'

  test("another project's things are not there, whatever is to be done with them", async () => {
    const routes = named.filter(route => !openToAll.has(route.name))
    const tried = await each(routes, theirs.member, route => (beyondMember(route) ? 403 : 404), {
      bodies: route => [bodyOf(route, theirs.things)],
    })
    assert.ok(tried >= 60, `only ${tried} were tried`)
  })

  test("another domain's things are not there for who runs a domain", async () => {
    const routes = named.filter(route => !openToAll.has(route.name) && route.level !== 'system')
    await each(
      routes,
      theirs.chief,
      route => (route.needs === null || holds('domain-admin', route.needs) ? 404 : 403),
      {
        bodies: route => [bodyOf(route, theirs.things)],
      },
    )
  })

  test("another project's things cannot be put to one's own use", async () => {
    const routes = closed.filter(route => route.level === 'project' || route.level === 'self')
    const tried = await each(routes, theirs.member, () => 404, {
      path_of: theirs,
      bodies: route => intrusions(route, ours.things, theirs.things).map(one => one.body),
    })
    assert.ok(tried >= 12, `only ${tried} were tried`)
  })

  test("another domain's things cannot be put to one's own use", async () => {
    const routes = closed.filter(route => route.level === 'domain' && holds('domain-admin', route.needs))
    const tried = await each(routes, theirs.chief, () => 404, {
      path_of: theirs,
      bodies: route => intrusions(route, ours.things, theirs.things).map(one => one.body),
    })
    assert.ok(tried >= 6, `only ${tried} were tried`)
  })

  test('nobody sees more than the own project by asking for all, or by a filter', async () => {
    const lists = closed.filter(
      route => route.method === 'GET' && route.level === 'project' && !route.path.includes(':') && !route.stream,
    )
    assert.ok(lists.length >= 10)
    for (const route of lists) {
      const shown = JSON.stringify((await ask(route, { token: theirs.member, path_of: theirs })).body)
      for (const [noun, id] of Object.entries(ours.things)) {
        if (theirs.things[noun] === id) continue
        assert.ok(!shown.includes(id), `${route.name} shows another project's ${noun}`)
      }
      if (!route.query?.properties?.all_projects || ofTheCloud.has(route.name)) continue
      const all = await cloud.request('GET', `${route.path}?all_projects=true`, { token: theirs.member })
      assert.equal(all.status, 403, `${route.name} with all_projects`)
    }
  })

  /** Of what a guest is asked there is no answer here; and not every member may ask. */
  const ofGuests: Readonly<Record<string, number>> = { 'instance.guest': 503, 'instance.guest-applications': 403 }

  test('after all these refusals everything is as it was', async () => {
    for (const team of [ours, theirs]) {
      for (const route of named.filter(one => one.method === 'GET' && one.level === 'project' && !one.stream)) {
        const answered = await ask(route, { token: team.member, path_of: team })
        assert.equal(answered.status, ofGuests[route.name] ?? 200, `${route.name}: ${JSON.stringify(answered.body)}`)
      }
    }
  })
})
