/** Images in the browser: an upload that is paused, goes on after the page was left, and is held against its checksum; sharing; failures. */
import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { after, before, suite, test } from 'node:test'
import { checkAccessible, picture, problemsOf, type UiCloud, uiCloud } from '../support/browser.ts'
import { addImage } from '../support/obedient-host.ts'

/** Of any content but a boot sector's mark. */
function rawDisk(length: number): Buffer {
  const disk = randomBytes(length)
  disk.writeUInt16BE(0x55aa, 510)
  return disk
}

suite('images in the browser', () => {
  let cloud: UiCloud

  before(async () => {
    cloud = await uiCloud()
  })
  after(() => cloud.close())

  test('upload with checksum; paused; on after a reload, from where it was; ready', async () => {
    const content = rawDisk(12 * 1024 ** 2)
    const page = await cloud.open('/ui/images/create')
    const sent: number[] = []
    let pieces = 0
    // The first piece arrives; the second waits until it was paused.
    const paused = Promise.withResolvers<void>()
    await page.route('**/v1/image-uploads/*', async route => {
      const request = route.request()
      if (request.method() !== 'PATCH') return route.continue()
      sent.push(Number(request.headers()['upload-offset']))
      if (++pieces === 2) {
        await paused.promise
        return route.abort().catch(() => undefined)
      }
      return route.continue()
    })
    const file = { name: 'own-system.img', mimeType: 'application/octet-stream', buffer: content }
    await page.locator('#field-file').setInputFiles(file)
    const sha256 = createHash('sha256').update(content).digest('hex')
    await page.locator(`#field-sha256[value="${sha256}"]`).waitFor()
    assert.equal(await page.getByLabel('Name').inputValue(), 'own-system')
    await checkAccessible(page)
    await picture(page, 'image-create')
    await page.getByRole('button', { name: 'Add image' }).click()
    await page.getByRole('heading', { name: 'own-system' }).waitFor()
    await page.getByText(/sending · 1 MiB of 12 MiB/).waitFor()
    await checkAccessible(page)
    await picture(page, 'image-upload')
    await page.getByRole('button', { name: 'Pause' }).click()
    paused.resolve()
    await page.getByText(/paused · 1 MiB of 12 MiB/).waitFor()

    await page.reload()
    await page.getByText('Choose the same file again').waitFor()
    await page.getByLabel('File', { exact: true }).setInputFiles(file)
    await page.locator('header').getByText('ready').waitFor()
    assert.equal(sent[2], 1024 ** 2, 'what had arrived is not sent again')
    await page.getByText('Of the content as it is kept').waitFor()
    assert.deepEqual(
      problemsOf(page).filter(line => !line.includes('ERR_FAILED')),
      [],
    )
    await page.close()
  })

  test('what is not as its checksum says is refused, and the page says so', async () => {
    const page = await cloud.open('/ui/images/create')
    const buffer = rawDisk(4096)
    await page
      .locator('#field-file')
      .setInputFiles({ name: 'broken.img', mimeType: 'application/octet-stream', buffer })
    await page.locator(`#field-sha256[value="${createHash('sha256').update(buffer).digest('hex')}"]`).waitFor()
    await page.getByLabel('Checksum (SHA-256)').fill('0'.repeat(64))
    await page.getByRole('button', { name: 'Add image' }).click()
    await page.getByText('Its content could not be taken').waitFor()
    await checkAccessible(page)
    await page.close()
  })

  test('changed, shared, protected: and so not deleted', async () => {
    const id = await addImage(cloud, 'gold')
    const { body: other } = await cloud.request('POST', '/v1/projects', { body: { name: 'other' } })
    const page = await cloud.open(`/ui/images/${id}`)
    await page.getByRole('button', { name: 'Change' }).click()
    await page.getByLabel('Network card').selectOption('e1000')
    await page.getByRole('button', { name: 'Save' }).click()
    await page.getByRole('dialog').waitFor({ state: 'detached' })
    await page.getByText('e1000', { exact: true }).waitFor()
    await page.getByRole('tab', { name: 'Sharing' }).click()
    await page.getByRole('button', { name: 'Share with a project' }).click()
    await page.getByRole('dialog').getByLabel('Project').selectOption(String(other.id))
    await page.getByRole('dialog').getByRole('button', { name: 'Share with a project' }).click()
    await page.getByText('not answered').waitFor()
    await checkAccessible(page)
    await page.getByRole('button', { name: 'Actions' }).click()
    await page.getByRole('menuitem', { name: 'Protect from deletion' }).click()
    await page.getByRole('button', { name: 'Actions' }).click()
    await page.getByText('It is protected from deletion.').waitFor()
    assert.deepEqual(problemsOf(page), [])
    await page.close()
  })
})
