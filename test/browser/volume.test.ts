/** Volumes and key pairs in the browser: made, kept, deleted with why not; a key pasted, a pair made. */
import assert from 'node:assert/strict'
import { after, before, suite, test } from 'node:test'
import { checkAccessible, picture, problemsOf, type UiCloud, uiCloud } from '../support/browser.ts'
import { addHost, addImage, addNetwork } from '../support/obedient-host.ts'

const key = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIMYn7wnP0vxNuxYOkaNtW+jNYsBrHEoNKWQ4vhfGGrkE me@laptop'

suite('volumes and key pairs in the browser', () => {
  let cloud: UiCloud

  before(async () => {
    cloud = await uiCloud()
    await addHost(cloud, 'host-1')
    await addNetwork(cloud)
    const image_id = await addImage(cloud)
    const { body: flavors } = await cloud.request('GET', '/v1/flavors?name=small')
    await cloud.request('POST', '/v1/instances', { body: { name: 'web', flavor_id: flavors.items?.[0]?.id, image_id } })
  })
  after(() => cloud.close())

  test('a volume of an image; renamed; why a disk in use is not deleted, and that it is kept', async () => {
    const page = await cloud.open('/ui/volumes/create')
    await page.getByLabel('Name').fill('archive')
    await page.getByLabel('Content').selectOption({ label: 'tiny – 64 MiB' })
    await checkAccessible(page)
    await page.getByRole('button', { name: 'Create volume' }).click()
    await page.getByRole('heading', { name: 'archive' }).waitFor()
    await page.getByRole('button', { name: 'Rename' }).click()
    await page.getByRole('dialog').getByLabel('Name').fill('archive-2026')
    await page.getByRole('dialog').getByRole('button', { name: 'Rename' }).click()
    await page.getByRole('heading', { name: 'archive-2026' }).waitFor()
    await checkAccessible(page)

    await page.getByRole('link', { name: 'Volumes', exact: true }).first().click()
    await page
      .getByRole('row', { name: /in use/ })
      .getByRole('button')
      .click()
    await page.getByText('It is a disk of the instance web, and goes').waitFor()
    await page.getByRole('menuitem', { name: 'Keep when its instance goes' }).click()
    await page.getByText('stays', { exact: true }).waitFor()
    await checkAccessible(page)
    await picture(page, 'volumes')
    assert.deepEqual(problemsOf(page), [])
    await page.close()
  })

  test('an instance’s disks, its name and tags; why no password yet; its root disk outlives it', async () => {
    const { body: images } = await cloud.request('GET', '/v1/images')
    const { body: flavors } = await cloud.request('GET', '/v1/flavors?name=tiny')
    const asked = { name: 'shop', image_id: images.items?.[0]?.id, flavor_id: flavors.items?.[0]?.id }
    const { body } = await cloud.request('POST', '/v1/instances', { body: asked, headers: { prefer: 'wait=10' } })
    const page = await cloud.open(`/ui/instances/${String(body.items?.[0]?.id)}/disks`)
    await page.getByRole('cell', { name: 'root', exact: true }).waitFor()
    await page.getByRole('cell', { name: 'goes, too' }).waitFor()
    await checkAccessible(page)
    const choose = async (action: string) => {
      await page.getByRole('button', { name: 'Actions', exact: true }).click()
      await page.getByRole('menuitem', { name: action }).click()
    }
    await choose('Change name and tags')
    await page.getByRole('dialog').getByLabel('Name').fill('market')
    await page.getByRole('dialog').getByRole('button', { name: 'Add a tag' }).click()
    await page.getByRole('dialog').getByLabel('Key').fill('team')
    await page.getByRole('dialog').getByLabel('Value').fill('blue')
    await page.getByRole('dialog').getByRole('button', { name: 'Save' }).click()
    await page.getByRole('heading', { name: 'market' }).waitFor()
    await page.getByRole('tab', { name: 'Overview' }).click()
    await page.getByText('team=blue').waitFor()
    await page.getByRole('button', { name: 'Actions', exact: true }).click()
    await page.getByRole('menuitem', { name: 'Set a password in the guest' }).getByText('No guest agent').waitFor()
    await page.getByRole('menuitem', { name: 'Delete, keep its root disk' }).click()
    await page.getByRole('dialog').getByRole('button', { name: 'Delete, keep its root disk' }).click()
    await page.locator('header').getByText('deleted').waitFor()
    await page.getByRole('tab', { name: 'Disks' }).click()
    await page.getByRole('cell', { name: 'stays' }).waitFor()
    assert.deepEqual(problemsOf(page), [])
    await page.close()
  })

  test('a key is pasted and known by its fingerprint; a pair is made and its private key shown once', async () => {
    const page = await cloud.open('/ui/key-pairs/create')
    await page.getByLabel('Name').fill('laptop')
    await page.getByLabel('Public key').fill(key)
    await page.getByRole('button', { name: 'Add key pair' }).click()
    await page.getByText(/SHA256:/).waitFor()
    await page.getByRole('link', { name: 'Go on' }).click()
    await page.getByText('The same as ssh-keygen -l shows').waitFor()
    await checkAccessible(page)
    await page.goto(`${cloud.url}/ui/key-pairs/create`)
    await page.getByLabel('Name').fill('made')
    await page.getByRole('button', { name: 'Add key pair' }).click()
    await page.getByText('Save the private key now').waitFor()
    assert.match(await page.getByLabel('Private key').first().inputValue(), /BEGIN OPENSSH PRIVATE KEY/)
    await checkAccessible(page)
    assert.deepEqual(problemsOf(page), [])
    await page.close()
  })
})
