/** A batch of which some fail: the command line says which, and why, to people and to programs. */
import assert from 'node:assert/strict'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { cliHome } from '../../support/cli.ts'
import { testCloud } from '../../support/cloud.ts'
import { addHost, addImage, addNetwork } from '../../support/obedient-host.ts'

test('cli/batch: of a batch of which some fail, it says which and why', async t => {
  const cloud = await testCloud()
  t.after(() => cloud.close())
  const host = await addHost(cloud, 'h1', { cpus: 64, memory_mib: 262_144 })
  await addImage(cloud)
  await addNetwork(cloud)
  await cloud.server.listen({ host: '127.0.0.1', port: 0 })
  const { port } = cloud.server.server.address() as AddressInfo
  await using home = await cliHome({ CROFT_URL: `http://127.0.0.1:${port}`, CROFT_TOKEN: cloud.admin })
  const create = (name: string, ...more: string[]) =>
    home.run('instance', 'create', name, '--image', 'tiny', '--flavor', 'tiny', '--count', '3', '--wait', ...more)
  host.failure = 'the disk is broken'
  host.fails = one => one.metadata.name.endsWith('-2')
  const failed = await create('lot')
  assert.equal(failed.code, 1)
  const said =
    /^croft: instance.create failed \(1 of 3\):\n {2}lot-2: the disk is broken\n {2}croft operation targets (\S+)$/m
  const operation = said.exec(failed.stderr)?.[1] ?? ''
  assert.notEqual(operation, '', failed.stderr)
  assert.match(failed.stdout, /lot-2 +error/)
  const told = await home.run('operation', 'targets', operation)
  assert.match(told.stdout, /^lot-2 +failed .* 100 +the disk is broken/m, told.stderr)
  const named = await home.run('operation', 'targets', operation, '--outcome', 'failed', '--json')
  assert.deepEqual(
    (named.json() as { name: string }[]).map(one => one.name),
    ['lot-2'],
  )
  const as_json = await create('heap', '--json')
  const { targets } = JSON.parse(as_json.stderr) as { targets: { name: string; reason: string }[] }
  assert.deepEqual(
    targets.map(one => [one.name, one.reason]),
    [['heap-2', 'the disk is broken']],
  )
})
