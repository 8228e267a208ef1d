/**
 * libvirtd killed at the worst moment of a guest's start: it has written down that the domain begins to run, and knows no process
 * of it yet. What libvirt makes of that by itself nobody can end; here it ends, and the guest starts. The moment is a few
 * hundredths of a second long, so the test writes down what libvirt does.
 */
import assert from 'node:assert/strict'
import { EventEmitter, once } from 'node:events'
import { access, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { createLibvirtHypervisor, type LibvirtHypervisor } from '../../../src/agent/drivers/libvirt/hypervisor.ts'
import { quiet, uuid, wantedInstance } from '../../unit/agent/fakes.ts'
import { Daemon } from '../libvirt/daemon.ts'
import { scratch } from '../../support/scratch.ts'

const id = uuid(0x61)
let work: string
let daemon: Daemon
let hypervisor: LibvirtHypervisor
const told = new EventEmitter<{ connected: []; lost: [] }>()

/** What libvirt 9.0 keeps of a domain between those two moments: it writes that down for a guest that runs as root, among others. */
function asBeforeItsProcess(record: string): string {
  const [root, after] = [/<domstatus [^>]*>/, '<libDir ']
  assert.match(record, root)
  assert.ok(record.includes(after))
  return record
    .replace(root, `<domstatus state='paused' reason='starting up' pid='0'>`)
    .replace(after, `<job type='none' async='start' flags='0x0' asyncStarted='1700000000000'/>${after}`)
}

describe('agent/killed-libvirtd', () => {
  before(async () => {
    work = await scratch('croft-agent')
    daemon = await Daemon.start()
    hypervisor = createLibvirtHypervisor({
      path: daemon.path,
      log: quiet,
      host: {
        virtualisation: 'tcg',
        arch: 'x86_64',
        default_cpu_model: 'host-model',
        datapath: 'netdev',
        integration_bridge: 'br-int',
        log_directory: join(work, 'console'),
        machine_directory: join(work, 'machine'),
      },
    })
    hypervisor.subscribe(({ kind }) => {
      if (kind === 'connected' || kind === 'lost') told.emit(kind)
    })
    await once(told, 'connected')
    const instance = wantedInstance({ id, memory_mib: 32 })
    await hypervisor.define({ instance, disks: [], config_drive: null })
  })

  after(async () => {
    await hypervisor?.close()
    await daemon?.stop()
    await rm(work, { recursive: true, force: true })
  })

  async function pidOf(id: string): Promise<string> {
    return (await readFile(join(daemon.dir, 'run', 'qemu', `croft-${id}.pid`), 'utf8')).trim()
  }

  test('a start that libvirt cannot end is cleared away, and the guest starts; others go on', async () => {
    const signal = AbortSignal.timeout(60_000)
    const other = uuid(0x62)
    await hypervisor.define({ instance: wantedInstance({ id: other, memory_mib: 32 }), disks: [], config_drive: null })
    await hypervisor.start(other)
    const before = await pidOf(other)

    await hypervisor.start(id)
    let lost = once(told, 'lost', { signal })
    await daemon.signalLibvirtd('KILL')
    await lost
    await daemon.exec('kill', ['-9', await pidOf(id)])
    const record = join(daemon.dir, 'run', 'qemu', `croft-${id}.xml`)
    await writeFile(record, asBeforeItsProcess(await readFile(record, 'utf8')))

    const connected = once(told, 'connected', { signal })
    lost = once(told, 'lost', { signal })
    await daemon.startLibvirtd()
    // It is ended once more, and this test stands for whoever keeps it running.
    await Promise.race([lost, connected])
    await assert.rejects(access(record), { code: 'ENOENT' })
    await daemon.startLibvirtd()
    await connected
    assert.equal((await hypervisor.look(id))?.power, 'off')
    await hypervisor.start(id)
    assert.equal((await hypervisor.look(id))?.power, 'running')
    await hypervisor.cut(id)
    assert.equal((await hypervisor.look(other))?.power, 'running')
    assert.equal(await pidOf(other), before)
  })
})
