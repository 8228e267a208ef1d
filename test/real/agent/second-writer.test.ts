/**
 * Two hosts that share a pool, each told to run the same guest: whatever the layers above believe, the second is refused. Twice
 * over: by QEMU's own locks on disks, and where a file system does not pass these on, by virtlockd's.
 */
import assert from 'node:assert/strict'
import { cp, readdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { after, before, describe, test } from 'node:test'
import { createLibvirtHypervisor, type LibvirtHypervisor } from '../../../src/agent/drivers/libvirt/hypervisor.ts'
import { openDirectoryPool } from '../../../src/agent/drivers/storage/directory.ts'
import { locks_folder } from '../../../src/host/services/virtlockd.ts'
import { quiet, uuid, wantedInstance } from '../../unit/agent/fakes.ts'
import { Daemon } from '../libvirt/daemon.ts'
import { scratch } from '../../support/scratch.ts'

const never = new AbortController().signal

describe('agent/second-writer', () => {
  let work: string
  let daemons: Daemon[] = []
  const hypervisors: LibvirtHypervisor[] = []
  const pool_dir = () => join(work, 'pool')

  before(async () => {
    work = await scratch('croft-agent')
    const start = (hostname: string) => Daemon.start({ hostname, locked_pool: pool_dir() })
    daemons = await Promise.all([start('one'), start('two')])
    for (const [n, daemon] of daemons.entries()) hypervisors.push(await hypervisorOf(daemon, `console-${n}`))
  })

  after(async () => {
    for (const each of hypervisors) await each.close()
    for (const each of daemons) await each.stop()
    await rm(work, { recursive: true, force: true })
  })

  async function hypervisorOf(daemon: Daemon, console: string): Promise<LibvirtHypervisor> {
    const made = createLibvirtHypervisor({
      path: daemon.path,
      log: quiet,
      host: {
        virtualisation: 'tcg',
        arch: 'x86_64',
        default_cpu_model: 'host-model',
        datapath: 'system',
        integration_bridge: 'br-int',
        log_directory: join(work, console),
        machine_directory: join(work, 'machine'),
      },
    })
    await new Promise<void>(resolve => made.subscribe(event => event.kind === 'connected' && resolve()))
    return made
  }

  async function disksOf(instance: ReturnType<typeof wantedInstance>, host_id: string) {
    const source = { get: () => Promise.resolve({ from: 0, body: Readable.from([]) }) }
    const pool = await openDirectoryPool({ host_id, directory: pool_dir(), source, log: quiet })
    return await pool.prepare(instance, () => undefined, never)
  }
  const locks = () => readdir(join(pool_dir(), locks_folder))

  async function refusals(instance: ReturnType<typeof wantedInstance>, other: ReturnType<typeof wantedInstance>) {
    const [one, two] = hypervisors
    assert.ok(one && two)
    for (const [n, hypervisor] of [one, two].entries()) {
      const disks = await disksOf(instance, `h${n}`)
      await hypervisor.define({ instance, disks, config_drive: null })
      await hypervisor.define({ instance: other, disks, config_drive: null })
    }
    await one.start(instance.id)
    assert.equal((await locks()).length, 1)
    const refused = { message: /one of its disks is being written by another guest, on this host or on another/ }
    await assert.rejects(two.start(instance.id), refused)
    await assert.rejects(two.start(other.id), refused)
    await assert.rejects(one.start(other.id), refused)
    assert.equal((await one.look(instance.id))?.power, 'running')
    assert.equal((await two.look(instance.id))?.power, 'off')
    await one.cut(instance.id)
    await two.start(instance.id)
    assert.equal((await two.look(instance.id))?.power, 'running')
    await two.cut(instance.id)
  }

  test('the second start is refused in words, the first guest goes on, and its end frees the disk', async () => {
    const root = { volume_id: uuid(7), role: 'root', size_gib: 1, image: null, bus: 'virtio' } as const
    // Under another id, too: what is locked is the disk.
    const disks = { memory_mib: 32, disks: [root] }
    await refusals(wantedInstance(disks), wantedInstance({ ...disks, id: uuid(2) }))
  })

  test('also where the disks themselves cannot be locked between the hosts', async () => {
    const root = { volume_id: uuid(8), role: 'root', size_gib: 1, image: null, bus: 'virtio' } as const
    const instance = wantedInstance({ id: uuid(3), memory_mib: 32, disks: [root] })
    const [one, two] = hypervisors
    const [, second] = daemons
    assert.ok(one && two && second)
    const disks = await disksOf(instance, 'h1')
    // Files of the same names that are not the same files: QEMU's locks do not meet, the folder of virtlockd's is shared.
    await cp(join(pool_dir(), 'volumes'), join(work, 'other'), { recursive: true })
    await second.exec('mount', ['--bind', join(work, 'other'), join(pool_dir(), 'volumes')])
    for (const hypervisor of [one, two]) await hypervisor.define({ instance, disks, config_drive: null })
    await one.start(instance.id)
    await assert.rejects(two.start(instance.id), { message: /one of its disks is being written by another guest/ })
    const said = await readFile(join(second.dir, 'log', 'libvirtd.log'), 'utf8')
    assert.match(said, /Lockspace resource '[0-9a-f]{64}' is locked/)
    assert.equal((await two.look(instance.id))?.power, 'off')
    await one.cut(instance.id)
    await two.start(instance.id)
    await two.cut(instance.id)
  })
})
