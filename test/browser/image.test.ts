/** Images in the browser: an upload that is paused, goes on after the page was left, and is held against its checksum; sharing; failures. */
import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, suite, test } from 'node:test'
import { checkAccessible, picture, problemsOf, type UiCloud, uiCloud } from '../support/browser.ts'
import { addImage } from '../support/obedient-host.ts'
import { scratch } from '../support/scratch.ts'

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
    // The first piece arrives; of the second the line breaks, and is back once that was seen; the third waits until it was paused.
    const seen = Promise.withResolvers<void>()
    const paused = Promise.withResolvers<void>()
    await page.route('**/v1/image-uploads/*', async route => {
      const request = route.request()
      if (request.method() !== 'PATCH') {
        if (pieces === 2) await seen.promise
        return route.continue()
      }
      sent.push(Number(request.headers()['upload-offset']))
      if (++pieces === 2) return route.abort()
      if (pieces === 3) {
        await paused.promise
        return route.abort().catch(() => undefined)
      }
      return route.continue()
    })
    const file = join(await scratch('croft-upload'), 'own-system.img')
    await writeFile(file, content)
    await page.locator('#field-file').setInputFiles(file)
    const sha256 = createHash('sha256').update(content).digest('hex')
    await page.locator(`#field-sha256[value="${sha256}"]`).waitFor()
    assert.equal(await page.getByLabel('Name').inputValue(), 'own-system')
    await checkAccessible(page)
    await picture(page, 'image-create')
    await page.getByRole('button', { name: 'Add image' }).click()
    await page.getByRole('heading', { name: 'own-system' }).waitFor()
    await page.getByText('the line broke, tried again · 1 MiB of 12 MiB', { exact: true }).waitFor()
    seen.resolve()
    await page.getByText(/sending · 1 MiB of 12 MiB/).waitFor()
    await checkAccessible(page)
    await picture(page, 'image-upload')
    await page.getByRole('button', { name: 'Pause' }).click()
    paused.resolve()
    await page.getByText(/paused · 1 MiB of 12 MiB/).waitFor()

    await page.reload()
    await page.getByText('1 MiB of 12 MiB are here. Choose the same file again, own-system.img').waitFor()
    // Another one is not sent after what is here: neither one of another length, nor one that only looks like it.
    const chosen = page.getByLabel('File', { exact: true })
    await chosen.setInputFiles({ name: 'own-system.img', mimeType: 'application/octet-stream', buffer: rawDisk(4096) })
    await page.getByText('This file has 4,096 bytes, and the upload is of one with 12,582,912').waitFor()
    await utimes(file, 1000, 1000)
    await chosen.setInputFiles(file)
    await page.getByText('Is it the same file?').waitFor()
    await checkAccessible(page)
    // And it is: sent on while one works in another project.
    await cloud.request('POST', '/v1/projects', { body: { name: 'elsewhere' } })
    const turned = Promise.withResolvers<void>()
    await page.unroute('**/v1/image-uploads/*')
    await page.route('**/v1/image-uploads/*', async route => {
      const request = route.request()
      if (request.method() === 'PATCH') sent.push(Number(request.headers()['upload-offset']))
      if (sent.length > 4) await turned.promise
      await route.continue()
    })
    await page.getByRole('button', { name: 'It is the same: send the rest' }).click()
    await page.getByText(/sending/).waitFor()
    await page.locator('.croft-who').click()
    await page.getByRole('menuitem', { name: 'elsewhere' }).click()
    await page.locator('.croft-who').getByText('elsewhere').waitFor()
    turned.resolve()
    await page.locator('header').getByText('ready').waitFor()
    assert.equal(sent[3], 1024 ** 2, 'what had arrived is not sent again')
    await page.getByText('Of the content as it is kept').waitFor()
    assert.deepEqual(
      problemsOf(page).filter(line => !line.includes('ERR_FAILED')),
      [],
    )
    await page.close()
  })

  test('what is not as its checksum says is refused, and the page says so', async () => {
    const page = await cloud.open('/ui/images/create')
    // Without a file there is no image.
    await page.getByRole('button', { name: 'Add image' }).click()
    await page.locator('#field-file:focus').waitFor()
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
