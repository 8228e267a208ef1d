/** A running guest moves from one libvirtd to another, the client leading; the two have nothing in common but a folder. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { isNoDomain, jobStatsFlag, Libvirt, migrateFlag, type TypedParam } from '../../../src/lib/libvirt/index.ts'
import { Daemon } from './daemon.ts'
import { tinyDomain, type TinyDomain } from './guest-xml.ts'
import { eventually } from '../../support/eventually.ts'
import { scratch } from '../../support/scratch.ts'

const { live, change_protection, non_shared_inc } = migrateFlag
const long = { timeout_ms: 60_000 }
let work: string
let source: Daemon
let target: Daemon
let from: Libvirt
let to: Libvirt

function text(field: string, value: string): TypedParam {
  return { field, type: 'string', value }
}

describe('libvirt/migration', () => {
  before(async () => {
    work = await scratch('croft-moves')
    ;[source, target] = await Promise.all([Daemon.start({ hostname: 'source' }), Daemon.start({ hostname: 'target' })])
    ;[from, to] = await Promise.all([Libvirt.connect({ path: source.path }), Libvirt.connect({ path: target.path })])
  })

  after(async () => {
    await Promise.all([from?.close(), to?.close()])
    await Promise.all([source?.stop(), target?.stop()])
    await rm(work, { recursive: true, force: true })
  })

  /** Both ends in one place, as no real user has it. */
  async function move(tiny: TinyDomain, flags: number, more: TypedParam[], destination_xml?: string): Promise<void> {
    const xml = destination_xml ?? (await from.domains.xml(tiny, 8 | 1))
    const params = [
      text('destination_name', tiny.name),
      text('migrate_uri', `unix://${join(work, `m-${tiny.name}`)}`),
      ...more,
    ]
    const begun = await from.migration.begin3(tiny, flags, [text('destination_xml', xml), ...params], long)
    const ready = await to.migration.prepare3(begun.cookie, flags, [text('destination_xml', xml), ...params], long)
    const sent = await from.migration.perform3(tiny, ready.cookie, flags, params, long)
    const come = await to.migration.finish3(sent.cookie, flags, params, false, long)
    assert.equal(come.domain.uuid, tiny.uuid)
    await from.migration.confirm3(tiny, come.cookie, flags, params, false, long)
  }

  test('memory goes over, and each end knows it', async () => {
    const tiny = tinyDomain('mover')
    await from.domains.createTransient(tiny.xml)
    await from.migration.setMaxDowntime(tiny, 200)
    await move(tiny, live | change_protection, [{ field: 'bandwidth', type: 'ullong', value: 100 }])
    assert.deepEqual(await to.domains.state(tiny), { state: 'running', reason: 'migrated' })
    await assert.rejects(from.domains.state(tiny), isNoDomain)
    const { job, values } = await to.migration.jobStats(tiny, jobStatsFlag.completed)
    assert.equal(job, 'completed')
    assert.ok(Number(values['downtime']) >= 0, JSON.stringify(values))
  })

  test('a disk is copied, and only what is not in the image below it', async () => {
    const image = join(work, 'image.qcow2')
    const here = join(work, 'here.qcow2')
    const there = join(work, 'there.qcow2')
    const qemuImg = (...args: string[]) => execFileSync('qemu-img', args)
    qemuImg('create', '-q', '-f', 'qcow2', image, '64M')
    execFileSync('qemu-io', ['-f', 'qcow2', '-c', 'write -P 7 0 1M', image], { stdio: 'ignore' })
    for (const path of [here, there]) qemuImg('create', '-q', '-f', 'qcow2', '-F', 'qcow2', '-b', image, path, '64M')
    execFileSync('qemu-io', ['-f', 'qcow2', '-c', 'write -P 9 1M 1M', here], { stdio: 'ignore' })
    const disk = (path: string) =>
      `<disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='${path}'/><target dev='vda' bus='virtio'/></disk>`
    const tiny = tinyDomain('carrier', disk(here))
    await from.domains.createTransient(tiny.xml)
    const xml = (await from.domains.xml(tiny, 8 | 1)).replaceAll(here, there)
    const disks = [text('disks_uri', `unix://${join(work, 'n')}`), text('migrate_disks', 'vda')]
    await move(tiny, live | change_protection | non_shared_inc, disks, xml)
    assert.equal((await to.domains.state(tiny)).state, 'running')
    await to.domains.destroy(tiny)
    execFileSync('qemu-img', ['compare', '-q', here, there])
    const map = JSON.parse(execFileSync('qemu-img', ['map', '--output=json', there], { encoding: 'utf8' }))
    assert.deepEqual(
      map
        .filter((part: { data: boolean }) => part.data)
        .map(({ start, depth }: { start: number; depth: number }) => ({ start, depth })),
      [
        { start: 0, depth: 1 },
        { start: 2 ** 20, depth: 0 },
      ],
    )
  })

  test('a domain on its way goes on at the source when its leader goes away', async () => {
    const tiny = tinyDomain('stayer')
    await from.domains.createTransient(tiny.xml)
    const xml = await from.domains.xml(tiny, 8 | 1)
    const params = [text('destination_name', tiny.name), text('migrate_uri', `unix://${join(work, 'm-stayer')}`)]
    const all = [text('destination_xml', xml), ...params]
    {
      await using leader = await Libvirt.connect({ path: source.path })
      await using follower = await Libvirt.connect({ path: target.path })
      const begun = await leader.migration.begin3(tiny, live | change_protection, all, long)
      await follower.migration.prepare3(begun.cookie, live | change_protection, all, long)
      assert.equal((await to.domains.state(tiny)).state, 'paused')
    }
    assert.equal((await from.domains.state(tiny)).state, 'running')
    // libvirtd ends what came by a connection some time after that is closed.
    await eventually(() => assert.rejects(to.domains.state(tiny), isNoDomain))
  })
})
