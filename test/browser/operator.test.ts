/** What an operator finds at first: what needs them, and how the cloud stands, said rightly and to the second. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { Page } from 'playwright-core'
import { event } from '../../src/controller/store/event.ts'
import { haRestart } from '../../src/controller/store/ha-restart.ts'
import { removedSuffix } from '../../src/model/removed-name.ts'
import { checkAccessible, problemsOf, type UiCloud, uiCloud } from '../support/browser.ts'
import { addHost, addImage, addNetwork, type ObedientHost } from '../support/obedient-host.ts'

const fenced_at = '2026-11-23T09:15:55.155Z'

/** The answers of a route as the API gives them, changed in a way that takes a network or half a minute to come about. */
async function changed<T>(page: Page, path: RegExp, change: (body: T) => unknown): Promise<void> {
  await page.route(
    url => path.test(url.pathname),
    async route => {
      if (route.request().method() !== 'GET') return await route.fallback()
      const response = await route.fetch()
      await route.fulfill({ response, json: change((await response.json()) as T) })
    },
  )
}

interface Items {
  items: Record<string, unknown>[]
}

describe('browser/operator', { timeout: 300_000 }, () => {
  let cloud: UiCloud
  let hosts: ObedientHost[]
  let instance_id = ''
  before(async () => {
    cloud = await uiCloud()
    hosts = [await addHost(cloud, 'host-1'), await addHost(cloud, 'host-2'), await addHost(cloud, 'host-3')]
    const { items: flavors } = (await cloud.request('GET', '/v1/flavors?name=tiny')).body
    const networks = [{ network_id: await addNetwork(cloud) }]
    const made = await cloud.request('POST', '/v1/instances', {
      body: { name: 'db', image_id: await addImage(cloud), flavor_id: flavors?.[0]?.id, networks, host_id: id(0) },
      headers: { prefer: 'wait=20' },
    })
    assert.equal(made.status, 202, JSON.stringify(made.body))
    instance_id = String(made.body.items?.[0]?.id)
  })
  after(() => cloud.close())

  const id = (n: number) => hosts[n]?.id ?? ''
  /** As a host is between the heartbeats that it misses and the end of its link. */
  const suspect = {
    availability: 'suspect',
    availability_reason: 'It has missed two heartbeats. No other host could tell whether it lives.',
    absence: {
      ...{ cause: 'late', since: fenced_at, opinions: [], dead_at: null, fence_failure: null },
      ...{ fenced_at: null, fenced_by: null, lease_over_at: '2026-11-23T09:16:35.000Z' },
    },
  }
  const restart = (outcome: 'running' | null) => ({
    ...{ id: crypto.randomUUID(), instance_id, from_host_id: id(0), from_host: 'host-1' },
    ...{ to_host_id: id(1), to_host: 'host-2', fenced_by: 'lease' as const, outcome },
    reason: `Restarted on host-2: the host host-1 was lost; its lease is over at ${fenced_at}.`,
    failure: outcome === null ? 'No other host can take it.' : null,
  })
  const done = async (page: Page) => {
    await checkAccessible(page)
    assert.deepEqual(problemsOf(page), [])
    await page.close()
  }

  test('the overview names the hosts that the API says need somebody, and what does not run elsewhere', async () => {
    const page = await cloud.open('/ui/preferences')
    await page.route(
      url => url.pathname === '/v1/hosts',
      async route => {
        const response = await route.fetch()
        const asked = new URL(route.request().url()).searchParams
        const { items } = (await (await route.fetch({ url: `${cloud.url}/v1/hosts?sort=name` })).json()) as Items
        const [one, two, three] = items
        const odd = [
          { ...one, ...suspect },
          { ...two, availability: 'maintenance', maintenance: { since: fenced_at, drained: false } },
        ]
        const all = [...odd, three]
        await route.fulfill({ response, json: { items: asked.has('attention') ? odd : all, next: null } })
      },
    )
    await changed<Items>(page, /^\/v1\/ha-restarts$/, () => {
      const now = new Date().toISOString()
      const open = { ...restart(null), instance: 'db', lost_at: now, begun_at: now, ended_at: null }
      return { items: [open], next: null }
    })
    await page.goto(`${cloud.url}/ui/`)
    await page.getByText('1 host does not answer, since').waitFor()
    await page.getByText('1 host in maintenance with instances in the way').waitFor()
    // What is in the way of it nobody has told.
    await page.getByText('(…)').waitFor()
    await page.getByText('1 highly available instance does not run elsewhere').waitFor()
    await page.getByText('No other host can take it.').waitFor()
    assert.equal(await page.getByText('All well').count(), 0)
    const table = page.getByRole('table', { name: 'Hosts', exact: true })
    for (const [name, state] of [
      ['host-1', 'suspect'],
      ['host-2', 'maintenance'],
      ['host-3', 'up'],
    ] as const)
      await table.getByRole('row').filter({ hasText: name }).getByText(state).waitFor()
    await done(page)
  })

  test('nothing is well that could not be looked at', async () => {
    const page = await cloud.open('/ui/preferences')
    const problem = { type: 'about:blank', title: 'Refused', status: 403, detail: 'Not for you.', code: 'forbidden' }
    let refused = true
    await page.route(
      url => url.pathname === '/v1/ha-restarts',
      route => (refused ? route.fulfill({ status: 403, json: { ...problem, request_id: '' } }) : route.fallback()),
    )
    await page.goto(`${cloud.url}/ui/`)
    await page.getByText('Not for you.').waitFor()
    assert.equal(await page.getByText('All well').count(), 0)
    refused = false
    await page.getByRole('button', { name: 'Try again' }).click()
    await page.getByText('All well: 3 hosts answer').waitFor()
    await page.close()
  })

  test('the page of a host that is suspect says what new instances do, to the second', async () => {
    const page = await cloud.open('/ui/preferences')
    await changed<object>(page, new RegExp(`^/v1/hosts/${id(0)}$`), body => ({ ...body, ...suspect }))
    await page.goto(`${cloud.url}/ui/hosts/${id(0)}`)
    await page.getByText('may still be placed here for seconds').waitFor()
    const over = page.locator('time[datetime="2026-11-23T09:16:35.000Z"]')
    assert.match(await over.innerText(), /09:16:35/)
    assert.equal(await over.getAttribute('title'), 'Monday, 23 November 2026 at 09:16:35 UTC')
    await done(page)
  })

  test('a member sees the restarts of the project, with times as they have them', async () => {
    const { project_id } = cloud
    await cloud.cloud.database.transaction(async tx => {
      const row = restart('running')
      await haRestart.insert(tx, { ...row, project_id, generation: 1, lost_at: new Date(), verify_s: null })
      await event.record(tx, [{ noun: 'ha-restart', kind: 'created', resource_id: row.id, project_id }])
    })
    const { body: user } = await cloud.request('POST', '/v1/users', { body: { name: 'mia' } })
    const grant = { user_id: user.id, role: 'member', scope: 'project', project_id }
    assert.equal((await cloud.request('POST', '/v1/role-grants', { body: grant })).status, 201)
    const page = await cloud.open('/ui/ha-restarts', { token: await cloud.tokenOf(String(user.id), project_id) })
    // Nothing of hosts, which are not for their eyes.
    await page.locator('.croft-body-row').getByText('The host that it ran on was lost.').waitFor()
    await done(page)
    const all = await cloud.open('/ui/ha-restarts')
    const row = all.locator('.croft-body-row')
    await row.getByText('the host host-1 was lost').waitFor()
    const at = row.locator(`time[datetime="${fenced_at}"]`)
    assert.equal(await at.innerText(), '23 Nov 2026, 09:15:55')
    assert.equal(await all.getByText(fenced_at).count(), 0)
    await done(all)
  })

  test('the logs name things by their names, say why, and show it on a telephone, too', async () => {
    const { items: clusters = [] } = (await cloud.request('GET', '/v1/clusters')).body
    const cluster = String(clusters[0]?.id)
    const renamed = await cloud.request('PATCH', `/v1/clusters/${cluster}`, { body: { name: 'kiln' } })
    assert.equal(renamed.status, 200, JSON.stringify(renamed.body))
    assert.equal((await cloud.request('POST', `/v1/hosts/${id(0)}/evacuate`)).status, 409)
    const page = await cloud.open('/ui/audit')
    const asked: string[] = []
    page.on('request', request => asked.push(new URL(request.url()).pathname))
    await page.getByRole('link', { name: 'Cluster kiln' }).waitFor()
    await page.getByRole('link', { name: 'Host host-1' }).first().waitFor()
    await page.getByText('refused: Not possible in this state').waitFor()
    await checkAccessible(page)

    await hosts[2]?.disconnect()
    await hosts[2]?.connect()
    await page.goto(`${cloud.url}/ui/events?all_projects=true`)
    await page.getByRole('link', { name: 'Cluster kiln' }).waitFor()
    await page.getByText(/^name: \S+ → kiln$/).waitFor()
    await page.getByRole('cell', { name: 'admin', exact: true }).first().waitFor()
    await page
      .getByText(/^of: db/)
      .first()
      .waitFor()
    const back = page.locator('td', { hasText: 'back_from' }).first()
    await back.locator('time').first().waitFor()
    assert.doesNotMatch(await back.innerText(), /\d{13}/)
    const thing = page.getByRole('link', { name: 'Instance db' }).first()
    assert.ok(((await thing.boundingBox())?.height ?? 99) < 30, 'the name is in one line')
    await page.setViewportSize({ width: 390, height: 800 })
    const box = await back.boundingBox()
    assert.ok(box && box.x >= 0 && box.x + box.width <= 390, JSON.stringify(box))
    await checkAccessible(page)
    await page.setViewportSize({ width: 1400, height: 860 })
    await page.goto(`${cloud.url}/ui/hosts/${id(0)}/events`)
    await page.getByRole('columnheader', { name: 'Who' }).waitFor()
    // The rows have the names; only what operations are of is looked for, in one list.
    assert.deepEqual(
      asked.filter(path => /^\/v1\/(users\/|clusters|hosts$|instances\/)/.test(path)),
      [],
    )
    await done(page)
  })

  test('a host that was removed is named, and leads nowhere; no state is cut off', async () => {
    const page = await cloud.open('/ui/preferences')
    const now = new Date().toISOString()
    const moved = {
      ...{ id: crypto.randomUUID(), instance_id, instance: 'db', project_id: cloud.project_id },
      ...{ kind: 'evacuation', cause: 'ha', phase: 'ended', outcome: 'succeeded', reason: null, waits_for: null },
      ...{ source_host_id: id(1), source_host: `host-5 (removed ${crypto.randomUUID()})` },
      ...{ target_host_id: id(2), target_host: 'host-3', percent: null, progress: null, cancel_asked: false },
      ...{ created_at: now, switched_at: now, ended_at: now },
    }
    const leaving = { id: crypto.randomUUID(), phase: 'leaving', source_host: 'host-2', waits_for: 'host-2 is away' }
    await changed<Items>(page, /^\/v1\/migrations$/, () => ({ items: [moved, { ...moved, ...leaving }], next: null }))
    await page.goto(`${cloud.url}/ui/migrations`)
    const row = page.locator('.croft-body-row')
    await row.getByText('host-5 (removed)').waitFor()
    await row.getByRole('link', { name: 'host-2' }).waitFor()
    assert.equal(await row.getByRole('link', { name: /host-5/ }).count(), 0)
    const cut = await page.evaluate<string[]>(
      `[...document.querySelectorAll('.croft-body-row .croft-cell')].filter(one => one.scrollWidth > one.clientWidth).map(one => one.textContent)`,
    )
    assert.deepEqual(cut, [])
    await done(page)
  })

  test('at a width of 1280 nothing lies under the menus of rows, and times are whole', async () => {
    const page = await cloud.open('/ui/preferences', { width: 1280, locale: 'en-US' })
    const now = new Date().toISOString()
    const moved = {
      ...{ id: crypto.randomUUID(), instance_id, instance: 'db', project_id: cloud.project_id },
      ...{ kind: 'evacuation', cause: 'ha', phase: 'ended', outcome: 'succeeded', reason: null, waits_for: null },
      ...{ source_host_id: id(1), source_host: 'host-2', target_host_id: id(2), target_host: 'host-3' },
      ...{ percent: null, progress: null, cancel_asked: false, created_at: now, switched_at: now, ended_at: now },
    }
    await changed<Items>(page, /^\/v1\/migrations$/, () => ({ items: [moved], next: null }))
    for (const list of ['migrations', 'operations']) {
      await page.goto(`${cloud.url}/ui/${list}`)
      await page.locator('.croft-body-row time').first().waitFor()
      const [times, menu, whole] = await page.evaluate<[number, number, boolean]>(`(() => {
        const row = document.querySelector('.croft-body-row')
        const time = row.querySelector('time')
        const { clientWidth, scrollWidth } = time.closest('.croft-cell')
        const menu = row.querySelector('.croft-acts').getBoundingClientRect()
        return [time.getBoundingClientRect().right, menu.left, scrollWidth <= clientWidth]
      })()`)
      assert.ok(times <= menu && whole, `${list}: ${times} of ${menu}, ${whole}`)
    }
    await done(page)
  })

  test('wherever a host that was removed is named, it leads nowhere', async () => {
    const page = await cloud.open('/ui/preferences')
    const gone = { host_id: crypto.randomUUID(), host: `host-5${removedSuffix(crypto.randomUUID())}` }
    const now = new Date().toISOString()
    const drained = {
      ...{ id: crypto.randomUUID(), ...gone, state: 'drained', reason: '', moved: 0, moving: 0, left: 0 },
      ...{ obstacles: [], operation_id: null, drained_at: now, created_at: now },
    }
    await changed<Items>(page, /^\/v1\/maintenances$/, () => ({ items: [drained], next: null }))
    const invited = {
      ...{ id: crypto.randomUUID(), state: 'used', cluster_id: crypto.randomUUID(), cluster: 'main', ...gone },
      ...{ replaces_host_id: gone.host_id, replaces_host: gone.host, user_id: null, user: null },
      ...{ created_at: now, used_at: now, expires_at: now },
    }
    await changed<Items>(page, /^\/v1\/host-invitations$/, () => ({ items: [invited], next: null }))
    const restarted = { ...restart('running'), from_host_id: gone.host_id, from_host: gone.host }
    await changed<Items>(page, /^\/v1\/ha-restarts$/, () => ({
      items: [{ ...restarted, instance: 'db', lost_at: now, begun_at: now, ended_at: now }],
      next: null,
    }))
    const reason = {
      filter: 'answers',
      reason: 'they do not answer',
      hosts: 1,
      examples: [{ ...gone, why: 'is away' }],
    }
    await changed<Items & { hosts: object[] }>(page, /^\/v1\/.*\/placement$/, body => ({
      ...body,
      hosts: [...body.hosts, { ...gone, refused: 'is away', filter: 'answers', score: null, weights: {} }],
      reasons: [reason],
    }))
    for (const [address, times] of [
      ['/ui/', 1],
      ['/ui/host-invitations', 2],
      ['/ui/ha-restarts', 1],
      [`/ui/instances/${instance_id}/placement`, 2],
    ] as const) {
      await page.goto(cloud.url + address)
      const named = page.locator('main').getByText('host-5 (removed)')
      await named.nth(times - 1).waitFor()
      assert.equal(
        await page
          .locator('main')
          .getByRole('link', { name: /host-5/ })
          .count(),
        0,
        address,
      )
    }
    // How many hosts a reason is of is told once.
    assert.equal(
      await page.getByRole('row', { name: /^1 does not answer/ }).textContent(),
      '1 does not answerhost-5 (removed)',
    )
    await done(page)
  })

  test('hosts by zone, by what needs somebody, and by whether they take new ones; the usual filters are in one row', async () => {
    await cloud.request('PATCH', `/v1/hosts/${id(1)}`, { body: { schedulable: false } })
    const page = await cloud.open('/ui/hosts')
    const link = (name: string) => page.locator('.croft-rows-body a.croft-name').getByText(name, { exact: true })
    await link('host-1').waitFor()
    await page.getByLabel('Zone').waitFor()
    const search = await page.getByPlaceholder('Name or id').boundingBox()
    const views = await page.getByRole('button', { name: 'Columns' }).boundingBox()
    assert.ok(search && views && Math.abs(search.y - views.y) < 20, JSON.stringify([search, views]))
    await page.getByRole('button', { name: 'More filters' }).click()
    await page.getByLabel('New instances', { exact: true }).selectOption('false')
    await link('host-1').waitFor({ state: 'detached' })
    await link('host-2').waitFor()
    await page.goto(`${cloud.url}/ui/hosts`)
    await page.getByText('Needs attention').click()
    await page.getByText('Nothing fits these filters').waitFor()
    await page.locator('[data-live="live"]').waitFor({ state: 'attached' })
    await hosts[1]?.tellForeign([{ uuid: crypto.randomUUID(), name: 'stranger', state: 'running' }])
    await link('host-2').waitFor()
    await page.getByRole('button', { name: 'Columns' }).click()
    await page.getByRole('menuitem', { name: 'Needs attention' }).click()
    await page.locator('.croft-rows-body').getByText('guests that are not Croft’s').waitFor()
    await hosts[1]?.tellForeign([])
    await link('host-2').waitFor({ state: 'detached' })
    await cloud.request('PATCH', `/v1/hosts/${id(1)}`, { body: { schedulable: true } })
    await done(page)
  })

  test('what cannot be fenced says why beside it; to evacuate after a lease alone is warned of', async () => {
    const page = await cloud.open('/ui/preferences')
    const absence = { ...suspect.absence, fenced_at, fenced_by: 'lease' }
    await changed<object>(page, new RegExp(`^/v1/hosts/${id(0)}$`), body => ({
      ...{ ...body, state: 'unreachable', availability: 'fenced', availability_reason: 'Its lease is over.', absence },
    }))
    await page.goto(`${cloud.url}/ui/hosts/${id(0)}/fencing`)
    await page.getByText('No management controller is set that could cut it.').waitFor()
    await page.getByRole('button', { name: 'Actions' }).first().click()
    await page.getByRole('menuitem', { name: 'Evacuate' }).click()
    await page.getByRole('dialog').getByText('it is only known that its lease is over').waitFor()
    await done(page)
  })

  test('no host is the hardest to lose where nothing is highly available', async () => {
    const { items: clusters = [] } = (await cloud.request('GET', '/v1/clusters')).body
    const cluster = String(clusters[0]?.id)
    const set = await cloud.request('PATCH', `/v1/clusters/${cluster}`, { body: { ha_failures_tolerated: 1 } })
    assert.equal(set.status, 200, JSON.stringify(set.body))
    const page = await cloud.open(`/ui/clusters/${cluster}`)
    await page.getByText('Any one host may be lost.').waitFor()
    assert.equal(await page.getByText('Hardest to lose').count(), 0)
    await changed<object>(page, /\/reserve$/, body => ({ ...body, ha_instances: 1 }))
    await page.reload()
    await page.getByText('Hardest to lose').waitFor()
    await page.getByText('by what it runs highly available').waitFor()
    await done(page)
  })
})
