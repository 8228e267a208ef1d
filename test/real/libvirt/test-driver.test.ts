/** The client against libvirt's own test driver: a broad sweep of calls in no time, without QEMU. */
import assert from 'node:assert/strict'
import { on } from 'node:events'
import { after, before, describe, test } from 'node:test'
import { affect, type DomainEvent, isNoDomain, Libvirt, listFlag, vcpuFlag } from '../../../src/lib/libvirt/index.ts'
import { Daemon } from './daemon.ts'

const TEST_UUID = '6695eb01-f6a4-8304-79aa-97f2502e193f'
let daemon: Daemon
let libvirt: Libvirt

describe('libvirt/test-driver', () => {
  before(async () => {
    daemon = await Daemon.start()
    libvirt = await Libvirt.connect({ path: daemon.path, uri: 'test:///default' })
  })

  after(async () => {
    await libvirt?.close()
    await daemon?.stop()
  })

  test('finds the domain that the driver comes with', async () => {
    assert.equal(await libvirt.host.driver(), 'TEST')
    const [domain] = await libvirt.domains.list(listFlag.active)
    assert.deepEqual(domain, { name: 'test', uuid: TEST_UUID, id: 1 })
    assert.equal((await libvirt.domains.info({ uuid: TEST_UUID })).vcpus, 2)
  })

  test('every lifecycle change makes its event', async () => {
    await libvirt.subscribe('lifecycle')
    const events = on(libvirt, 'event')
    const domain = { uuid: TEST_UUID }
    await libvirt.domains.suspend(domain)
    await libvirt.domains.resume(domain)
    await libvirt.domains.destroy(domain)
    await libvirt.domains.start(domain)
    const changes: string[] = []
    for await (const [event] of events as AsyncIterable<[DomainEvent]>) {
      if (event.kind === 'lifecycle') changes.push(`${event.change} ${event.detail}`)
      if (changes.length === 4) break
    }
    assert.deepEqual(changes, ['suspended paused', 'resumed unpaused', 'stopped destroyed', 'started booted'])
  })

  test('sets and reads memory, processors, metadata and statistics', async () => {
    const domain = { uuid: TEST_UUID }
    await libvirt.devices.setMemory(domain, 1_048_576)
    assert.equal((await libvirt.domains.info(domain)).memory_kib, 1_048_576)
    await libvirt.devices.setVcpus(domain, 1, vcpuFlag.live)
    assert.equal((await libvirt.domains.info(domain)).vcpus, 1)
    await libvirt.domains.setMetadata(domain, { kind: 'description', value: 'Übung' }, affect.live)
    assert.equal(await libvirt.domains.metadata(domain, 'description'), 'Übung')
    const [stats] = await libvirt.domains.stats()
    assert.equal(stats?.values['state.state'], 1)
  })

  test('what a driver does not have is refused with its reason', async () => {
    await assert.rejects(libvirt.guest.monitorCommand({ uuid: TEST_UUID }, 'query-status'), { name: 'LibvirtError' })
    await assert.rejects(libvirt.domains.state({ uuid: '00000000-0000-4000-8000-000000000000' }), isNoDomain)
  })
})
