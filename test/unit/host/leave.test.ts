/** What a machine keeps of its agent's folder when it leaves its cloud: what may be somebody's data, and nothing else. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises'
import net from 'node:net'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { forget } from '../../../src/host/leave.ts'
import { watchdogService } from '../../../src/host/services/watchdog.ts'
import type { Step } from '../../../src/host/step.ts'
import { stopServices } from '../../../src/host/stop.ts'
import { scratch } from '../../support/scratch.ts'

/** Where no virtlockd listens. */
const nobody = '/nowhere/virtlockd-sock'
const marks = ['croft-pool-id', 'croft-pool-secret']

const folders: string[] = []
after(() => Promise.all(folders.map(folder => rm(folder, { recursive: true }))))

/** As an agent leaves it, with these files in its pool besides. */
async function agentFolder(name: string, in_pool: readonly string[] = []): Promise<string> {
  const folder = await scratch(`croft-leave-${name}`)
  folders.push(folder)
  for (const one of ['pool/volumes', 'pool/images', 'pool/config', 'pool/machine', 'pool/hosts', 'wanted'])
    await mkdir(join(folder, one), { recursive: true })
  if (in_pool.some(one => one.startsWith('locks/'))) await mkdir(join(folder, 'pool/locks'))
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
  assert.deepEqual(await forget(folder, 'h1', nobody), [])
  assert.deepEqual(await readdir(folder), [])
  assert.deepEqual(await forget(folder, 'h1', nobody), [], 'again')
})

test('the folder in which libvirt locks disks stays while there are locks in it, and is told of', async () => {
  const folder = await agentFolder('locks', ['locks/0123abcd'])
  assert.match((await forget(folder, 'h1', nobody)).join(), /pool\/locks: libvirt locks .*\(1 files\)/)
  assert.deepEqual(await readdir(folder, { recursive: true }), ['pool', 'pool/locks', 'pool/locks/0123abcd'])
})

test('with no locks in it it goes, or stays without a word for a virtlockd that runs', async () => {
  const folder = await agentFolder('no-locks', ['locks/0123abcd'])
  await rm(join(folder, 'pool/locks/0123abcd'))
  const socket = join(await agentFolder('socket'), 'sock')
  const virtlockd = net.createServer(connection => connection.destroy()).listen(socket)
  await once(virtlockd, 'listening')
  assert.deepEqual(await forget(folder, 'h1', socket), [])
  assert.deepEqual(await readdir(folder, { recursive: true }), ['pool', 'pool/locks'])
  virtlockd.close()
  await once(virtlockd, 'close')
  assert.deepEqual(await forget(folder, 'h1', socket), [])
  assert.deepEqual(await readdir(folder), [])
})

test('what is stopped is called by its name: its description is a verb as often as not', async () => {
  const told: string[] = []
  const step: Step = (title, work) => {
    told.push(title)
    return work(() => undefined)
  }
  const manager = { stop: async (name: string) => void told.push(`stopped ${name}`) }
  await stopServices(manager, [watchdogService({ run_dir: '/run/croft' }).service], step)
  assert.deepEqual(told, ['Stop croft-watchdog', 'stopped croft-watchdog'])
})

for (const [data, words] of [
  ['volumes/0198.qcow2', /there are 1 disks in it, which the cloud does not know/],
  ['hosts/h2', /other hosts have it, too/],
  ['holiday.tar', /holiday\.tar in it, which is not Croft's/],
] as const) {
  test(`with ${data} in it the pool stays, marks and all`, async () => {
    const folder = await agentFolder('data', [data])
    assert.match((await forget(folder, 'h1', nobody)).join(), words)
    const left = await readdir(folder, { recursive: true })
    for (const one of [data, ...marks]) assert(left.includes(`pool/${one}`), one)
    assert(!left.includes('identity.json'))
    assert(!left.includes('pool/hosts/h1'), 'it has none of it any more')
  })
}
