/** What a machine keeps of its agent's folder when it leaves its cloud: what may be somebody's data, and nothing else. */
import assert from 'node:assert/strict'
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { forget } from '../../../src/host/leave.ts'
import { scratch } from '../../support/scratch.ts'

const marks = ['croft-pool-id', 'croft-pool-secret']

const folders: string[] = []
after(() => Promise.all(folders.map(folder => rm(folder, { recursive: true }))))

/** As an agent leaves it, with these files in its pool besides. */
async function agentFolder(name: string, in_pool: readonly string[] = []): Promise<string> {
  const folder = await scratch(`croft-leave-${name}`)
  folders.push(folder)
  for (const one of ['pool/volumes', 'pool/images', 'pool/config', 'pool/machine', 'pool/hosts', 'wanted'])
    await mkdir(join(folder, one), { recursive: true })
  const files = [
    'identity.json',
    'hardware.json',
    'key.pem',
    'pool-id',
    'pool/hosts/h1',
    ...[...marks, ...in_pool].map(one => `pool/${one}`),
  ]
  for (const one of files) await writeFile(join(folder, one), 'x')
  return folder
}

test('an empty pool goes with its marks, and with it all that the agent kept', async () => {
  const folder = await agentFolder('empty')
  assert.deepEqual(await forget(folder, 'h1'), [])
  assert.deepEqual(await readdir(folder), [])
  assert.deepEqual(await forget(folder, 'h1'), [], 'again')
})

test('the folder in which libvirt locks disks stays, as libvirt does', async () => {
  const folder = await agentFolder('locks')
  await mkdir(join(folder, 'pool/locks'))
  assert.match((await forget(folder, 'h1')).join(), /pool\/locks: libvirt/)
  assert.deepEqual(await readdir(folder, { recursive: true }), ['pool', 'pool/locks'])
})

for (const [data, words] of [
  ['volumes/0198.qcow2', /there are 1 disks in it, which the cloud does not know/],
  ['hosts/h2', /other hosts have it, too/],
  ['holiday.tar', /holiday\.tar in it, which is not Croft's/],
] as const) {
  test(`with ${data} in it the pool stays, marks and all`, async () => {
    const folder = await agentFolder('data', [data])
    assert.match((await forget(folder, 'h1')).join(), words)
    const left = await readdir(folder, { recursive: true })
    for (const one of [data, ...marks]) assert(left.includes(`pool/${one}`), one)
    assert(!left.includes('identity.json'))
    assert(!left.includes('pool/hosts/h1'), 'it has none of it any more')
  })
}
