/** A running guest moves from one libvirtd to another, over Unix sockets, since the two have no network in common. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { join } from 'node:path'
import { test } from 'node:test'
import { isNoDomain, Libvirt, migrateFlag } from '../../../src/lib/libvirt/index.ts'
import { Daemon } from './daemon.ts'
import { tinyDomain } from './guest-xml.ts'

test('migrates peer to peer, and both ends tell of it', async () => {
  await using source = await Daemon.start({ hostname: 'source' })
  await using target = await Daemon.start({ hostname: 'target' })
  await using from = await Libvirt.connect({ path: source.path })
  await using to = await Libvirt.connect({ path: target.path })
  const tiny = tinyDomain('mover')
  await from.domains.createTransient(tiny.xml)
  await to.subscribe('lifecycle')
  const arrives = once(to, 'event')
  await from.migration.toUri(
    tiny,
    `qemu+unix:///system?socket=${target.path}`,
    migrateFlag.live | migrateFlag.unsafe,
    [
      { field: 'migrate_uri', type: 'string', value: `unix://${join(target.dir, 'run', 'migrate')}` },
      { field: 'bandwidth', type: 'ullong', value: 100 },
    ],
    { timeout_ms: 60_000 },
  )
  const [event] = await arrives
  assert.equal(event.kind, 'lifecycle')
  assert.equal(event.domain.uuid, tiny.uuid)
  assert.equal((await to.domains.state(tiny)).state, 'running')
  await assert.rejects(from.domains.state(tiny), isNoDomain)
  assert.equal((await to.migration.jobStats(tiny)).job, 'none')
})

test('a migration to nowhere says so, and the guest stays', async () => {
  await using source = await Daemon.start()
  await using from = await Libvirt.connect({ path: source.path })
  const tiny = tinyDomain('stayer')
  await from.domains.createTransient(tiny.xml)
  const nowhere = 'qemu+unix:///system?socket=/nonexistent/libvirt-sock'
  await assert.rejects(from.migration.toUri(tiny, nowhere, migrateFlag.live), {
    name: 'LibvirtError',
    message: /nonexistent/,
  })
  assert.equal((await from.domains.state(tiny)).state, 'running')
})
