/** Plug-ins in a real browser: the shipped example as people use it, the operators' list, and one that tries all it must not do. */
import assert from 'node:assert/strict'
import { cp, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import path from 'node:path'
import { after, before, suite, test } from 'node:test'
import type { Frame, Page } from 'playwright-core'
import { checkAccessible, picture, problemsOf, type UiCloud, uiCloud } from '../support/browser.ts'
import { addHost, addImage, addNetwork } from '../support/obedient-host.ts'
import { scratch } from '../support/scratch.ts'

const examples = path.join(import.meta.dirname, '../../examples/plug-ins')

suite('plug-ins in the browser', () => {
  let cloud: UiCloud
  let folder = ''
  let outside: Server
  let outside_url = ''
  const reached: string[] = []
  const ids = new Map<string, string>()

  before(async () => {
    folder = await scratch('croft-plugins')
    await cp(path.join(examples, 'cost'), path.join(folder, 'cost'), { recursive: true })
    cloud = await uiCloud({ plugins: folder })
    await addHost(cloud, 'host-1')
    await addNetwork(cloud)
    const image_id = await addImage(cloud)
    for (const [name, flavor] of [
      ['web', 'small'],
      ['mail', 'tiny'],
    ] as const) {
      const { body: flavors } = await cloud.request('GET', `/v1/flavors?name=${flavor}`)
      const body = { name, flavor_id: flavors.items?.[0]?.id, image_id }
      const made = await cloud.request('POST', '/v1/instances', { body, headers: { prefer: 'wait=10' } })
      ids.set(name, String(made.body.items?.[0]?.id))
    }
    outside = createServer((request, reply) => {
      reached.push(request.url ?? '')
      reply.setHeader('access-control-allow-origin', '*')
      reply.end('')
    })
    outside.on('upgrade', (request, socket) => {
      reached.push(request.url ?? '')
      socket.destroy()
    })
    await new Promise<void>(resolve => outside.listen(0, '127.0.0.1', resolve))
    const address = outside.address()
    assert.ok(typeof address === 'object' && address !== null)
    outside_url = `http://127.0.0.1:${address.port}`
  })
  after(async () => {
    await cloud.close()
    await new Promise(resolve => outside.close(resolve))
    await rm(folder, { recursive: true })
  })

  const money = (sum: number) => new Intl.NumberFormat('en', { style: 'currency', currency: 'EUR' }).format(sum)
  const groundOf = (frame: Frame) =>
    frame.evaluate<string>('getComputedStyle(document.documentElement).backgroundColor')

  async function frameOf(page: Page): Promise<Frame> {
    const element = await page.locator('iframe.croft-plugin-frame').elementHandle()
    const frame = await element?.contentFrame()
    assert.ok(frame)
    return frame
  }

  test('the example: what an instance costs, live, dark and light, in two languages', async () => {
    const page = await cloud.open(`/ui/instances/${ids.get('web')}`)
    await page.getByRole('tab', { name: 'Cost' }).click()
    const shown = page.frameLocator('iframe[title="Cost"]')
    await shown.getByRole('cell', { name: 'Memory, GiB' }).waitFor()
    const figures = async () => (await shown.getByRole('row').allTextContents()).map(row => row.replaceAll(/\s/g, ' '))
    const { body: web } = await cloud.request('GET', `/v1/instances/${ids.get('web')}`)
    const memory_gib = Number(web.memory_mib) / 1024
    const parts = [Number(web.vcpus) * 4.5, memory_gib * 2.25, Number(web.disk_gib) * 0.08]
    const running = parts.reduce((sum, part) => sum + Math.round(part * 100) / 100, 0)
    assert.equal((await figures()).at(-1), `In all${money(running)}`)
    await checkAccessible(page)
    await checkAccessible(await frameOf(page))
    await picture(page, 'plug-in-cost')
    const light = await groundOf(await frameOf(page))
    await page.getByRole('button', { name: 'Dark or light' }).click()
    await shown.locator('html[data-theme=dark]').waitFor()
    assert.notEqual(await groundOf(await frameOf(page)), light)
    await checkAccessible(await frameOf(page))
    await cloud.request('POST', `/v1/instances/${ids.get('web')}/stop`)
    await shown.getByText('Stopped: only its disk is counted.').waitFor()
    assert.equal((await figures()).at(-1), `In all${money(Number(web.disk_gib) * 0.08)}`)
    await page.getByRole('button', { name: 'Dark or light' }).click()
    assert.deepEqual(problemsOf(page), [])
    await page.close()
    const german = await cloud.open(`/ui/instances/${ids.get('web')}/cost.instance`, { locale: 'de-DE', width: 400 })
    await german.frameLocator('iframe[title="Kosten"]').getByText('Gestoppt: Nur die Platte zählt.').waitFor()
    assert.deepEqual(problemsOf(german), [])
    await german.close()
  })

  test('the example’s page: the project’s sum, follows what is made and deleted, and leads to an instance', async () => {
    const page = await cloud.open('/ui/')
    await page.getByRole('link', { name: 'Cost of the project' }).click()
    await page.getByRole('heading', { name: 'Cost of the project', level: 1 }).waitFor()
    const shown = page.frameLocator('iframe')
    await shown.getByRole('row', { name: /mail tiny running €2\.\d\d/ }).waitFor()
    await cloud.request('POST', `/v1/instances/${ids.get('web')}/start`)
    await shown.getByRole('row', { name: /web small running/ }).waitFor()
    await checkAccessible(await frameOf(page))
    await picture(page, 'plug-in-cost-project')
    await cloud.request('DELETE', `/v1/instances/${ids.get('mail')}`)
    await shown.getByRole('row', { name: /mail/ }).waitFor({ state: 'detached' })
    await cloud.request('POST', `/v1/instances/${ids.get('mail')}/recover`, { body: {} })
    await shown.getByRole('row', { name: /mail tiny stopped/ }).waitFor()
    await shown.getByRole('button', { name: 'web' }).click()
    await page.getByRole('heading', { name: 'web', level: 1 }).waitFor()
    assert.equal(new URL(page.url()).pathname, `/ui/instances/${ids.get('web')}/cost.instance`)
    assert.deepEqual(problemsOf(page), [])
    await page.close()
  })

  test('operators see what there is, what it may do, and why one is refused; a repaired one is there at once', async () => {
    const page = await cloud.open('/ui/plugins')
    const cost = page.getByRole('region', { name: 'Cost' })
    await cost.getByText('instance.list').waitFor()
    await mkdir(path.join(folder, 'inventory'))
    const missing = { croft: 1, id: 'inventory', version: '2.1', title: { en: 'Inventory' }, routes: ['host.list'] }
    await writeFile(path.join(folder, 'inventory/plugin.json'), JSON.stringify(missing))
    await page.getByText('it has neither tabs nor pages').waitFor()
    await checkAccessible(page)
    await picture(page, 'plug-ins')
    await rm(path.join(folder, 'inventory'), { recursive: true })
    await page.getByText('it has neither tabs nor pages').waitFor({ state: 'detached' })
    const file = path.join(folder, 'cost/plugin.json')
    const whole = await readFile(file, 'utf8')
    await writeFile(file, whole.replace('instance.list', 'instance.fly'))
    await page.getByText(/there is no route "instance\.fly"/).waitFor()
    const menu = page.getByRole('navigation', { name: 'Navigation' })
    await menu.getByRole('link', { name: 'Cost of the project' }).waitFor({ state: 'detached' })
    await writeFile(file, whole)
    await menu.getByRole('link', { name: 'Cost of the project' }).waitFor()
    await page.getByRole('button', { name: 'Read the folder again' }).click()
    await page.getByText('The folder of plug-ins was read').first().waitFor()
    assert.deepEqual(problemsOf(page), [])
    await page.close()
  })

  /** Put there while the cloud runs, after what the pictures show. */
  async function addHostile(): Promise<void> {
    await cp(path.join(import.meta.dirname, 'plug-ins/hostile'), path.join(folder, 'hostile'), { recursive: true })
    assert.equal((await cloud.request('POST', '/v1/plugins/reload', { body: {} })).status, 200)
  }

  test('a hostile one gets nothing but what its plugin.json names', async () => {
    await addHostile()
    const page = await cloud.open(`/ui/instances/${ids.get('web')}/hostile.tab`)
    const frame = await frameOf(page)
    await page.frameLocator('iframe').getByRole('button', { name: 'Press me' }).waitFor()
    await frame.waitForFunction('globalThis.ready')
    const told = await frame.evaluate<Record<string, string>>(
      `attack(${JSON.stringify(outside_url)}, ${JSON.stringify(ids.get('web'))})`,
    )
    const { own_route, context, cookie, ...attacks } = told
    assert.ok(Object.keys(attacks).length >= 30)
    for (const [name, ended] of Object.entries(attacks)) assert.match(ended, /^refused:/, name)
    assert.equal(own_route, `got "${ids.get('web')}"`)
    assert.match(cookie ?? '', /^refused:|^got ""$/)
    assert.match(attacks.route ?? '', /may not call "user\.list"/)
    assert.match(attacks.change_unasked ?? '', /must come of a click/)
    assert.ok(!context?.includes(cloud.admin), 'the token is nowhere in what it was told')
    assert.equal(new URL(page.url()).pathname, `/ui/instances/${ids.get('web')}/hostile.tab`)
    assert.equal(page.context().pages().length, 1)
    // Chromium opens a connection before it asks the policy whether a frame may go there; nothing is sent over it.
    assert.deepEqual(reached, [])
    assert.equal(await frame.evaluate('noise()'), 0, 'a second hello gives no second bridge')
    const said = page.getByText(/Hostile: Sign in again/)
    await said.first().waitFor()
    assert.equal(await page.getByText(/Sign in again [2-9]\d/).count(), 0)
    assert.deepEqual(await frame.evaluate('heard.flat()'), [], 'instances were not among its nouns')
    await page.close()
  })

  test('a click makes it one’s own act, which the UI tells; leaving its page ends it', async () => {
    const page = await cloud.open(`/ui/instances/${ids.get('web')}/hostile.tab`)
    await (await frameOf(page)).waitForFunction('globalThis.ready')
    await page.frameLocator('iframe').getByRole('button', { name: 'Press me' }).click()
    const told = page.frameLocator('iframe').locator('#told')
    await told.filter({ hasText: /got|refused/ }).waitFor()
    assert.match((await told.textContent()) ?? '', /^got/)
    await page.getByText('Hostile: Shut an instance down', { exact: false }).first().waitFor()
    await page.goto(`${cloud.url}/ui/plugins`)
    await page.getByText('instance.stop (changes things)').waitFor()
    await page.goto(`${cloud.url}/ui/hostile.leaves`)
    const frame = await frameOf(page)
    await page.frameLocator('iframe').getByText('About to leave.').waitFor()
    await frame.waitForFunction('document.documentElement.lang !== ""')
    await frame.evaluate(
      `dispatchEvent(new CustomEvent('leave', { detail: ${JSON.stringify(`${outside_url}/left?secret`)} }))`,
    )
    await page.getByText('“Leaves” has left its own page').waitFor()
    assert.equal(await page.locator('iframe').count(), 0)
    assert.deepEqual(reached, [])
    await page.close()
  })

  test('a page that says nothing is told of, in time', async () => {
    const page = await cloud.open('/ui/plugins')
    await page.clock.install()
    await page.getByRole('link', { name: 'Silent: page' }).click()
    await page.frameLocator('iframe').getByText('Nobody speaks here.').waitFor({ state: 'attached' })
    await page.clock.runFor(10_500)
    await page.getByText('“Silent” does not answer').waitFor()
    await checkAccessible(page)
    assert.deepEqual(problemsOf(page), [])
    await page.close()
  })
})
