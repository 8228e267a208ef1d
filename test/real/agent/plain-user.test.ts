/** A guest as on a usual host, where QEMU is not root: every folder on its way must be open to it, every file given to it. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { chmod, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { after, before, describe, test } from 'node:test'
import { createConfigDrives } from '../../../src/agent/drivers/guest/config-drive.ts'
import { createLibvirtHypervisor, type LibvirtHypervisor } from '../../../src/agent/drivers/libvirt/hypervisor.ts'
import { openDirectoryPool } from '../../../src/agent/drivers/storage/directory.ts'
import { writeIdentity } from '../../../src/agent/identity.ts'
import { quiet, uuid, wantedInstance } from '../../unit/agent/fakes.ts'
import { Daemon } from '../libvirt/daemon.ts'
import { bootSector } from './boot-sector.ts'
import { scratch } from '../../support/scratch.ts'

const never = new AbortController().signal
let work: string
let daemon: Daemon
let hypervisor: LibvirtHypervisor

describe('agent/plain-user', () => {
  before(async () => {
    work = await scratch('croft-agent')
    // As /var/lib is; what is below it is Croft's own to make.
    await chmod(work, 0o755)
    daemon = await Daemon.start({ plain_user: true })
  })

  after(async () => {
    await hypervisor.close()
    await daemon.stop()
    await rm(work, { recursive: true, force: true })
  })

  test('a guest on a cloned disk with a config drive starts, and its files stay closed to others', async () => {
    const state = join(work, 'croft', 'agent')
    await writeIdentity(state, {
      host_id: uuid(9),
      name: 'h',
      key_pem: '',
      certificate_pem: '',
      ca_pem: '',
      link_urls: ['wss://x'],
    })
    const bytes = bootSector({ heedsPowerButton: true })
    const sha256 = createHash('sha256').update(bytes).digest('hex')
    const image = { image_id: uuid(8), sha256, size_bytes: bytes.length, format: 'raw' as const }
    const source = { get: () => Promise.resolve({ from: 0, body: Readable.from([bytes]) }) }
    const instance = wantedInstance({
      memory_mib: 32,
      config_drive: true,
      disks: [{ volume_id: uuid(7), role: 'root', size_gib: 1, image, bus: 'virtio' }],
    })
    const pool = await openDirectoryPool({ host_id: 'h1', directory: join(state, 'pool'), source, log: quiet })
    hypervisor = createLibvirtHypervisor({
      path: daemon.path,
      log: quiet,
      host: {
        virtualisation: 'tcg',
        arch: 'x86_64',
        default_cpu_model: 'host-model',
        datapath: 'system',
        integration_bridge: 'br-int',
        log_directory: join(state, 'console'),
        machine_directory: join(state, 'machine'),
      },
    })
    await new Promise<void>(resolve => hypervisor.subscribe(event => event.kind === 'connected' && resolve()))
    const disks = await pool.prepare(instance, () => undefined, never)
    const config_drive = await createConfigDrives(join(state, 'pool', 'config')).prepare(instance)
    await hypervisor.define({ instance, disks, config_drive })
    await hypervisor.start(instance.id)
    assert.equal((await hypervisor.look(instance.id))?.power, 'running')
    const owners = await daemon.exec('sh', [
      '-c',
      'for f in /run/libvirt/qemu/croft-*.pid; do stat -c %u /proc/$(cat $f); done',
    ])
    assert.notEqual(owners.trim(), '0', 'QEMU is to run as somebody else than root here')
    for (const file of [disks[0]?.path ?? '', config_drive ?? '', join(state, 'identity.json')]) {
      assert.equal((await stat(file)).mode & 0o077, 0, file)
    }
    await hypervisor.cut(instance.id)
    await hypervisor.undefine(instance.id)
  })
})
