/** What libvirt is told of a live move, for all that may be asked of it: flags and parameters by its own numbers and names (libvirt-domain.h). */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { flagsOf, paramsOf } from '../../../src/agent/drivers/move/terms.ts'
import { uuid, wantedInstance } from './fakes.ts'

const sockets = { memory: '/run/m', disks: '/run/d' }
/** VIR_MIGRATE_LIVE, CHANGE_PROTECTION and ABORT_ON_ERROR: always. */
const always = 1 | 256 | 4096
const migration = {
  id: uuid(50),
  step: 'send' as const,
  kind: 'live' as const,
  peer_host_id: uuid(51),
  secret: 's'.repeat(16),
  copied_volumes: [] as string[],
  auto_converge: false,
}
const disk = { volume_id: uuid(10), role: 'root' as const, size_gib: 1, image: null, bus: 'virtio' as const }
const terms = (asked: Partial<typeof migration> & { postcopy_after_s?: number; bandwidth_mib_s?: number }) => ({
  instance: wantedInstance({ disks: [disk] }),
  migration: { ...migration, ...asked },
  incremental: false,
  unsafe: false,
})
const named = (asked: Parameters<typeof terms>[0]) =>
  Object.fromEntries(paramsOf(terms(asked), sockets).map(({ field, value }) => [field, value]))

test('a guest is slowed down only when that is asked for: VIR_MIGRATE_AUTO_CONVERGE, with libvirt’s own steps', () => {
  assert.equal(flagsOf(terms({ auto_converge: false })), always)
  assert.equal(flagsOf(terms({ auto_converge: true })), always | 8192)
  assert.deepEqual(named({ auto_converge: true }), named({ auto_converge: false }))
})

test('postcopy is allowed when there is a time for it; bandwidth holds for it, too', () => {
  assert.equal(flagsOf(terms({ postcopy_after_s: 5 })), always | 32_768)
  assert.equal(named({ bandwidth_mib_s: 7 }).bandwidth, 7)
  assert.equal('bandwidth.postcopy' in named({ bandwidth_mib_s: 7 }), false)
  assert.equal(named({ bandwidth_mib_s: 7, postcopy_after_s: 5 })['bandwidth.postcopy'], 7)
})

test('disks that no pool shares are copied, whole or above their images; libvirt’s doubt of a file system is overruled when it was told so', () => {
  const copied = { copied_volumes: [disk.volume_id] }
  assert.equal(flagsOf(terms(copied)), always | 64)
  assert.equal(flagsOf({ ...terms(copied), incremental: true }), always | 128)
  assert.equal(flagsOf({ ...terms({}), unsafe: true }), always | 512)
  assert.deepEqual(
    [named(copied).disks_uri, named(copied).migrate_disks, named({}).disks_uri],
    ['unix:///run/d', 'vda', undefined],
  )
})
