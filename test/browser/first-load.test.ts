/** How much JavaScript the first page after the sign-in loads, with gzip, and that the words in it are of one language. */
import assert from 'node:assert/strict'
import path from 'node:path'
import { after, before, suite, test } from 'node:test'
import { problemsOf, uiCloud, type UiCloud } from '../support/browser.ts'
import { scriptsOf, sumOf } from '../support/first-load.ts'
import { addHost } from '../support/obedient-host.ts'

const ui = path.join(import.meta.dirname, '../../dist/ui')
const gzip_bytes_max = 300_000

suite('the first load', () => {
  let cloud: UiCloud
  before(async () => {
    cloud = await uiCloud()
    await addHost(cloud, 'one')
  })
  after(() => cloud.close())

  test('an operator’s first page stays within its size, and has one language', async () => {
    const page = await cloud.open('/ui/')
    await page.getByRole('heading', { name: 'Capacity' }).waitFor()
    await page.getByRole('heading', { name: 'Hosts' }).waitFor()
    const scripts = await scriptsOf(page, ui)
    const list = scripts.map(one => `  ${one.gzip_bytes} ${one.name}`).join('\n')
    const sum = sumOf(scripts)
    assert.ok(sum > 100_000 && sum <= gzip_bytes_max, `${sum} bytes with gzip, not up to ${gzip_bytes_max}:\n${list}`)
    const languages = scripts.filter(one => /^(en|de)-/.test(one.name)).map(one => one.name.slice(0, 2))
    assert.deepEqual(languages, ['en'])
    assert.deepEqual(problemsOf(page), [])
    await page.close()
  })

  test('another language is loaded when it is chosen, and spoken at once', async () => {
    const page = await cloud.open('/ui/preferences')
    await page.getByLabel('Language').selectOption('de')
    await page.getByRole('heading', { name: 'Einstellungen' }).waitFor()
    await page.locator('html[lang=de]').waitFor()
    await page.getByLabel('Sprache').selectOption('en')
    await page.getByRole('heading', { name: 'Preferences' }).waitFor()
    const german = await cloud.open('/ui/preferences', { locale: 'de-DE' })
    await german.getByRole('heading', { name: 'Einstellungen' }).waitFor()
    const names = (await scriptsOf(german, ui)).map(one => one.name.slice(0, 3))
    assert.deepEqual([names.includes('de-'), names.includes('en-')], [true, false])
    assert.deepEqual([...problemsOf(page), ...problemsOf(german)], [])
    await page.close()
    await german.close()
  })
})
