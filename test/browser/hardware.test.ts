/** Hardware in the browser: an alias of devices, a flavor that asks for them, who has what on the host's page, growing while it runs. */
import assert from 'node:assert/strict'
import { after, before, suite, test } from 'node:test'
import type { HostFacts } from '../../src/protocol/host-facts.ts'
import { checkAccessible, picture, problemsOf, type UiCloud, uiCloud } from '../support/browser.ts'
import { addHost, addImage, addNetwork, type ObedientHost } from '../support/obedient-host.ts'

/** Two nodes of four cores with two threads each, huge pages and a GPU in each, a card that the host itself uses. */
const facts: Partial<HostFacts> = {
  huge_pages: [{ size_kib: 2048, total: 2048 }],
  numa: [0, 1].map(node => ({
    node,
    cpus: [0, 1, 2, 3, 8, 9, 10, 11].map(cpu => cpu + 4 * node),
    memory_mib: 16_384,
    huge_pages: [{ size_kib: 2048, total: 1024 }],
  })),
  thread_siblings: Array.from({ length: 8 }, (_, n) => [n, n + 8]),
  pci: [1, 2, 3].map(n => ({
    address: `0000:0${n}:00.0`,
    vendor: '0x10de',
    device: '0x2235',
    class: '0x030200',
    iommu_group: String(n),
    numa_node: n % 2,
    used_by: n === 3 ? 'nic eth0' : null,
  })),
}

suite('hardware in the browser', () => {
  let cloud: UiCloud
  let host: ObedientHost
  let image_id: string
  let network_id: string
  let trainer: string

  before(async () => {
    cloud = await uiCloud()
    host = await addHost(cloud, 'host-1', { cpus: 16, memory_mib: 33_792 }, facts)
    network_id = await addNetwork(cloud)
    image_id = await addImage(cloud)
  })
  after(() => cloud.close())

  async function make(name: string, flavor: string) {
    const flavors = await cloud.request('GET', `/v1/flavors?name=${flavor}`)
    const body = { name, flavor_id: flavors.body.items?.[0]?.id, image_id, networks: [{ network_id }] }
    const answer = await cloud.request('POST', '/v1/instances', { body, headers: { prefer: 'wait=10' } })
    assert.equal(answer.status, 202, JSON.stringify(answer.body))
    return String((answer.body.items as { id: unknown }[])[0]?.id)
  }

  test('an alias of PCI devices is made, and one that would match everything is refused', async () => {
    const page = await cloud.open('/ui/pci-aliases')
    await page.getByText('An alias is a name for a kind of PCI device', { exact: false }).waitFor()
    await page.getByRole('link', { name: 'Create PCI alias' }).first().click()
    await page.getByLabel('Name').fill('gpu')
    await page.getByRole('button', { name: 'Create PCI alias' }).click()
    await page.getByText('Which devices are meant?', { exact: false }).first().waitFor()
    await page.getByLabel('Vendor').fill('10DE')
    await page.getByLabel('Class').fill('0302')
    await checkAccessible(page)
    await page.getByRole('button', { name: 'Create PCI alias' }).click()
    await page.getByRole('heading', { name: 'gpu' }).waitFor()
    await page.getByText('10de').waitFor()
    await checkAccessible(page)
    await page.close()
  })

  test('a flavor asks for hardware by its properties, and its page says what it asks', async () => {
    const page = await cloud.open('/ui/flavors/create')
    await page.getByLabel('Name').fill('gpu.2')
    await page.getByLabel('vCPUs').fill('2')
    await page.getByRole('button', { name: 'More choices' }).click()
    const asked = [
      ['cpu.policy', 'dedicated'],
      ['memory.page_size', '2MiB'],
      ['pci', 'gpu:1'],
    ] as const
    for (const [n, [key, value]] of asked.entries()) {
      await page.getByRole('button', { name: 'Add a tag' }).click()
      await page.getByLabel('Key', { exact: true }).nth(n).fill(key)
      await page.getByLabel('Value', { exact: true }).nth(n).fill(value)
    }
    await checkAccessible(page)
    await page.getByRole('button', { name: 'Create flavor' }).click()
    await page.getByRole('heading', { name: 'gpu.2' }).waitFor()
    for (const [key, value] of asked) await page.getByText(`${key}=${value}`).waitFor()
    await checkAccessible(page)
    assert.deepEqual(problemsOf(page), [])
    await page.close()
  })

  test('the hardware of a host: what there is, who has it, live; wide, dark and narrow', async () => {
    const page = await cloud.open(`/ui/hosts/${host.id}/hardware`)
    await page.getByText('No instance here has CPUs', { exact: false }).waitFor()
    trainer = await make('trainer', 'gpu.2')
    const devices = page.getByRole('table', { name: 'PCI devices for passthrough' }).first()
    await devices.getByRole('link', { name: 'trainer' }).waitFor()
    await devices.getByText('free').waitFor()
    await page.getByText('512 of 1,024 of 2 MiB free').waitFor()
    await checkAccessible(page)
    await picture(page, 'host-hardware')
    await page.getByRole('button', { name: 'The same as CLI / API call' }).click()
    await page.locator(`input[value="croft host hardware ${host.id}"]`).waitFor()
    await page.keyboard.press('Escape')
    await page.getByRole('dialog').waitFor({ state: 'detached' })
    await page.getByRole('tab', { name: 'Settings' }).click()
    await page.getByText('the default').first().waitFor()
    assert.equal(await page.evaluate('document.activeElement.textContent'), 'Settings')
    assert.deepEqual(problemsOf(page), [])
    await page.close()

    const narrow = await cloud.open(`/ui/hosts/${host.id}/hardware`, { dark: true, width: 400 })
    await narrow.getByRole('link', { name: 'trainer' }).first().waitFor()
    await checkAccessible(narrow)
    await narrow.close()
  })

  test('the page of an instance says what of its host is its own, and its form what counts from its next start', async () => {
    const page = await cloud.open(`/ui/instances/${trainer}`)
    await page
      .getByText(/^CPUs [0-9, -]+; NUMA node [01]; 1 GiB in huge pages of 2 MiB; device 0000:0[12]:00.0$/)
      .waitFor()
    await page.getByRole('button', { name: 'Actions', exact: true }).click()
    await page.getByRole('menuitem', { name: 'Availability' }).click()
    await page.getByText('It is not off: a change counts from its next start', { exact: false }).waitFor()
    await checkAccessible(page)
    assert.deepEqual(problemsOf(page), [])
    await page.close()
  })

  test('a running instance grows as far as its flavor lets it', async () => {
    const properties = { 'cpu.max': '4', 'memory.max_mib': '4096' }
    const body = { name: 'grows', vcpus: 1, memory_mib: 1024, disk_gib: 1, properties }
    await cloud.request('POST', '/v1/flavors', { body })
    const page = await cloud.open(`/ui/instances/${await make('web', 'grows')}`)
    await page.getByRole('button', { name: 'Actions' }).click()
    await page.getByRole('menuitem', { name: 'Resize' }).click()
    const dialog = page.getByRole('dialog')
    await dialog.getByText('At most 4. ', { exact: false }).waitFor()
    await dialog.getByText('At most 4 GiB', { exact: false }).waitFor()
    await checkAccessible(page)
    await dialog.getByLabel('vCPUs').fill('5')
    await dialog.getByRole('button', { name: 'Resize' }).click()
    await dialog.getByText('lets it have 4 vCPUs', { exact: false }).waitFor()
    await dialog.getByLabel('vCPUs').fill('3')
    await dialog.getByRole('button', { name: 'Resize' }).click()
    await dialog.waitFor({ state: 'hidden' })
    await page.getByText('3 vCPUs', { exact: false }).first().waitFor()
    await page.close()
  })
})
