/** Guests move from one whole agent and libvirtd to another, and stay what they were; the controllers are the test's. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { promisify } from 'node:util'
import type { WantedInstance } from '../../../src/protocol/wanted.ts'
import { eventually } from '../../support/eventually.ts'
import { Drive, guest, type TestHost, TwoHosts } from './two-agents.ts'

const run = promisify(execFile)
let hosts: TwoHosts

function volumesOf(instance: WantedInstance): string[] {
  return instance.disks.map(disk => disk.volume_id)
}

async function boot(host: TestHost, instance: WantedInstance) {
  host.controller.want(false, [instance])
  return host.controller.report(instance.id, each => each.power === 'running' && each.failure === null)
}

async function contentOf(host: TestHost, instance: WantedInstance): Promise<string> {
  const path = join(host.volumes, `${instance.disks[0]?.volume_id}.qcow2`)
  const raw = join(hosts.work, `content-${host.name}`)
  await run('qemu-img', ['convert', '-U', '-O', 'raw', path, raw])
  return (await run('sha256sum', [raw])).stdout.split(' ')[0] ?? ''
}

/** QEMU writes what a guest said to who looks on first, and to the log after that. */
function logged(host: TestHost, { id }: WantedInstance, pattern: RegExp): Promise<string> {
  return eventually(async () => {
    const text = await readFile(join(host.dir, 'state/console', `${id}.log`), 'latin1')
    assert.match(text, pattern)
    return text
  })
}

describe('agent/moves', () => {
  before(async () => {
    hosts = await TwoHosts.start()
  })
  after(() => hosts?.stop())

  const one = guest(1)

  test('a guest with a disk of its own moves while it runs, and leaves nothing behind', async () => {
    const { alpha, beta } = hosts
    const before = await boot(alpha, one)
    await alpha.echoes(one.id, 'before')
    const content = await contentOf(alpha, one)
    const drive = new Drive(one, alpha, beta, { copied_volumes: volumesOf(one), downtime_ms_max: 300 })
    await beta.phase(one.id, 'ready')
    const { outcome, told } = await drive.ended
    assert.equal(outcome, 'moved', told.reason ?? '')
    assert.ok(drive.told.some(each => each.phase === 'sending'))
    assert.ok((told.progress?.downtime_ms ?? -1) >= 0, JSON.stringify(told))
    await beta.echoes(one.id, 'after')
    // One history: what it said before came along, and it was not booted again.
    const text = await logged(beta, one, /^[^]*HELLO\r\nbefore[^]*after$/)
    assert.equal(text.split('HELLO').length, 2)
    assert.equal(await contentOf(beta, one), content)
    const mine = await beta.controller.report(one.id, each => each.power === 'running' && each.migration === undefined)
    assert.deepEqual([mine.failure, mine.started_at, mine.applied_generation], [null, before.started_at, 1])
    assert.equal(await alpha.domstate(one.id), '')
    assert.deepEqual(await alpha.traces(), [])
    assert.match(await beta.daemon.exec('virsh', ['-q', 'dominfo', `croft-${one.id}`]), /Persistent: +yes/)
  })

  test('off, it moves back: its files go over as they are, and it boots from them', async () => {
    const { alpha, beta } = hosts
    const off: WantedInstance = { ...one, generation: 2, power: 'stopped' }
    beta.controller.want(true, [off])
    await beta.controller.report(one.id, each => each.power === 'stopped' && each.applied_generation === 2)
    const content = await contentOf(beta, one)
    const { outcome, told } = await new Drive(off, beta, alpha, { kind: 'cold', copied_volumes: volumesOf(one) }).ended
    assert.equal(outcome, 'moved', told.reason ?? '')
    assert.ok((told.progress?.disk_total_bytes ?? 1) >= 0)
    assert.deepEqual(await beta.traces(), [])
    assert.equal(await contentOf(alpha, one), content)
    // Something to carry, so that the next moves take their time.
    const path = join(alpha.volumes, `${one.disks[0]?.volume_id}.qcow2`)
    await run('qemu-io', ['-f', 'qcow2', '-c', 'write -q -P 7 64M 96M', path])
    const on: WantedInstance = { ...one, generation: 3 }
    await boot(alpha, on)
    await alpha.echoes(one.id, 'booted')
    await logged(alpha, one, /HELLO\r\nbefore[^]*after[^]*HELLO[^]*booted$/)
  })

  test('what a killed libvirtd left in QEMU of an earlier move keeps it from no further one', async () => {
    const { alpha, beta } = hosts
    const qmp = (command: object) =>
      alpha.daemon.exec('virsh', ['qemu-monitor-command', `croft-${one.id}`, JSON.stringify(command)])
    // As libvirt 9.0 names them, and adds them before each disk is copied.
    const storage = { 'node-name': 'migration-vda-storage', driver: 'null-co' }
    await qmp({ execute: 'blockdev-add', arguments: storage })
    const format = { 'node-name': 'migration-vda-format', driver: 'raw', file: storage['node-name'] }
    await qmp({ execute: 'blockdev-add', arguments: format })
    const on: WantedInstance = { ...one, generation: 3 }
    const drive = new Drive(on, alpha, beta, { copied_volumes: volumesOf(one), bandwidth_mib_s: 1 })
    await Promise.race([
      alpha.controller.report(one.id, each => (each.migration?.progress?.elapsed_ms ?? 0) > 0),
      drive.ended.then(({ outcome, told }) => assert.fail(`it ${outcome}: ${told.reason}`)),
    ])
    drive.cancel()
    assert.equal((await drive.ended).outcome, 'stayed')
    assert.doesNotMatch(await qmp({ execute: 'query-named-block-nodes' }), /migration-vda/)
  })

  test('cancelled on its way, it goes on where it was, and the other host is clean', async () => {
    const { alpha, beta } = hosts
    const on: WantedInstance = { ...one, generation: 3 }
    const limits = { bandwidth_mib_s: 1, downtime_ms_max: 100 }
    const drive = new Drive(on, alpha, beta, { copied_volumes: volumesOf(one), ...limits })
    await alpha.phase(one.id, 'sending')
    await alpha.controller.report(one.id, each => (each.migration?.progress?.elapsed_ms ?? 0) > 0)
    // It is emulated: QEMU would forget more of what it writes for a shorter pause.
    const aimed = await alpha.daemon.exec('virsh', ['-q', 'migrate-getmaxdowntime', `croft-${one.id}`])
    assert.equal(aimed.trim(), '300')
    drive.cancel()
    const { outcome, told } = await drive.ended
    assert.deepEqual([outcome, told.phase], ['stayed', 'cancelled'])
    await alpha.echoes(one.id, 'stayed')
    assert.equal(await alpha.domstate(one.id), 'running')
    assert.equal(await beta.domstate(one.id), '')
    assert.deepEqual(await beta.traces(), [])
  })

  test('a time that is over ends it; what keeps a guest on its host is said before anything is sent', async () => {
    const { alpha, beta } = hosts
    const on: WantedInstance = { ...one, generation: 3 }
    const late = await new Drive(on, alpha, beta, {
      copied_volumes: volumesOf(one),
      bandwidth_mib_s: 1,
      timeout_s: 2,
    }).ended
    assert.match(late.told.reason ?? '', /did not end within 2 s/)
    await alpha.echoes(one.id, 'late')
    const stuck = guest(2, { clipboard: 'shared' })
    await boot(alpha, stuck)
    const { outcome, told } = await new Drive(stuck, alpha, beta, { copied_volumes: volumesOf(stuck) }).ended
    assert.equal(outcome, 'stayed')
    assert.match(told.reason ?? '', /clipboard keeps it on its host/)
    assert.equal(await alpha.domstate(stuck.id), 'running')
    assert.deepEqual(await beta.traces(), [])
  })
})
