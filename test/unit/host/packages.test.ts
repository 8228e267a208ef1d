/** Which Debian packages are needed and missing, and how apt-get's progress reads. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { installCommand, notInstalled, packagesFor, parseStatus } from '../../../src/host/packages.ts'

const names = (list: { name: string }[]) => list.map(({ name }) => name)

void test('each role, processor and init system gets its own packages', () => {
  const host = names(packagesFor(['host'], true, 'x64'))
  assert(host.includes('qemu-system-x86') && host.includes('libvirt-daemon-system'))
  assert(!host.includes('qemu-system-arm') && !host.includes('ovn-central') && !host.includes('mmdebstrap'))
  assert(names(packagesFor(['image'], true, 'x64')).includes('grub-pc-bin'))
  assert(names(packagesFor(['test'], true, 'x64')).includes('mmdebstrap'))
  const arm = names(packagesFor(['host', 'image'], false, 'arm64'))
  assert(arm.includes('qemu-system-arm'))
  assert(!arm.includes('libvirt-daemon-system') && !arm.includes('grub-pc-bin'))
})

void test('no package is named twice, and each has a reason', () => {
  const all = packagesFor(['controller', 'host', 'image', 'test'], true, 'x64')
  assert.equal(new Set(names(all)).size, all.length)
  for (const { name, why } of all) assert(why.length > 5, name)
})

void test('removed, half-installed and unknown packages are missing', () => {
  const wanted = ['whole', 'removed', 'half', 'unknown', 'held'].map(name => ({ name, why: '', roles: [] }))
  const status = 'whole ii \nremoved rc \nhalf iU \nheld hi \n'
  assert.deepEqual(names(notInstalled(wanted, status)), ['removed', 'half', 'unknown'])
  assert.match(installCommand(notInstalled(wanted, status)).join(' '), /^apt-get install .* removed half unknown$/)
})

void test("apt's status lines become one rising percentage", () => {
  assert.deepEqual(parseStatus('dlstatus:1:50.0000:Retrieving file 3 of 9'), {
    percent: 25,
    text: 'Retrieving file 3 of 9',
  })
  assert.deepEqual(parseStatus('pmstatus:cpio:50.0:Unpacking cpio: now'), { percent: 75, text: 'Unpacking cpio: now' })
  assert.equal(parseStatus('media-change: please'), undefined)
})
