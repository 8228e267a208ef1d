/** Screens of a real QEMU under a real libvirtd: VNC beside SPICE, a shared clipboard, and what stands in the way of that one. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { connect } from 'node:net'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import pino from 'pino'
import { abilitiesOf, socketOf } from '../../../src/agent/drivers/libvirt/graphics.ts'
import { createLibvirtHypervisor, type LibvirtHypervisor } from '../../../src/agent/drivers/libvirt/hypervisor.ts'
import { Libvirt } from '../../../src/lib/libvirt/index.ts'
import type { WantedInstance } from '../../../src/protocol/wanted.ts'
import { SpiceChannelClient, spiceChannel } from '../../support/spice.ts'
import { Vnc } from '../../support/vnc.ts'
import { uuid, wantedInstance } from '../../unit/agent/fakes.ts'
import { Daemon } from '../libvirt/daemon.ts'

let daemon: Daemon
let libvirt: Libvirt
let hypervisor: LibvirtHypervisor

describe('agent/graphics', () => {
  before(async () => {
    daemon = await Daemon.start()
    libvirt = await Libvirt.connect({ path: daemon.path })
    hypervisor = createLibvirtHypervisor({
      path: daemon.path,
      log: pino({ level: 'silent' }),
      host: {
        virtualisation: 'tcg',
        arch: 'x86_64',
        default_cpu_model: 'host-model',
        datapath: 'system',
        integration_bridge: 'br-int',
        log_directory: join(daemon.dir, 'log', 'console'),
        machine_directory: join(daemon.dir, 'machine'),
      },
    })
    const connected = Promise.withResolvers<void>()
    hypervisor.subscribe(event => event.kind === 'connected' && connected.resolve())
    await connected.promise
  })
  after(async () => {
    await hypervisor?.close()
    await libvirt?.close()
    await daemon?.stop()
  })

  /** A guest that sits in its firmware; returns its XML as it runs. */
  async function start(n: number, change: Partial<WantedInstance>): Promise<string> {
    const instance = wantedInstance({ id: uuid(n), memory_mib: 32, ports: [], ...change })
    await hypervisor.define({ instance, disks: [], config_drive: null })
    await hypervisor.start(uuid(n))
    return await libvirt.domains.xml({ uuid: uuid(n) })
  }

  /** From outside of the daemon's namespaces, where its folder has another name. */
  function reach(xml: string, kind: 'vnc' | 'spice') {
    const path = socketOf(xml, kind)
    assert.ok(path)
    return connect(path.replace('/var/lib/libvirt', join(daemon.dir, 'lib')))
  }

  /** Why the running guest cannot be moved, nor its memory saved, in QEMU's words; '' when it can. */
  async function blockedBy(n: number): Promise<string> {
    const asked = JSON.stringify({ execute: 'query-migrate' })
    const answer = await daemon.exec('virsh', ['qemu-monitor-command', uuid(n), asked])
    const { return: said } = JSON.parse(answer) as { return: { 'blocked-reasons'?: string[] } }
    return said['blocked-reasons']?.join() ?? ''
  }

  async function end(n: number): Promise<void> {
    await hypervisor.cut(uuid(n))
    await hypervisor.undefine(uuid(n))
  }

  test('with SPICE there are both, on sockets alone', async () => {
    const xml = await start(1, { graphics: 'spice', clipboard: 'shared' })
    assert.match(xml, /<channel type='spicevmc'>/)
    assert.doesNotMatch(xml, /<graphics[^>]* port='[1-9]/)
    const main = await SpiceChannelClient.open(reach(xml, 'spice'), spiceChannel.main, 0)
    assert.equal(await blockedBy(1), '')
    const session = await main.session()
    assert.ok(session > 0)
    const inputs = await SpiceChannelClient.open(reach(xml, 'spice'), spiceChannel.inputs, session)
    assert.equal((await inputs.next(101)).length, 2, 'it tells of the keyboard’s lamps')
    const screen = await Vnc.of(reach(xml, 'vnc'))
    assert.ok((await screen.picture()).length >= 640 * 400 * 4)
    assert.doesNotMatch(await daemon.exec('ss', ['-Hltn']), /\S/)
    for (const one of [main, inputs, screen]) one.close()
    await end(1)
  })

  test('a shared clipboard is QEMU’s own, and none without being asked for', async () => {
    const shared = await start(2, { clipboard: 'shared' })
    assert.match(shared, /<channel type='qemu-vdagent'>[^]*<clipboard copypaste='yes'\/>/)
    await assert.rejects(hypervisor.openGraphics(uuid(2), 'spice'), /started without SPICE/)
    const [major = 0, minor = 0] = (await hypervisor.versions()).qemu.split('.').map(Number)
    assert.equal(/vdagent/.test(await blockedBy(2)), major < 10 || (major === 10 && minor < 1))
    const plain = await start(3, {})
    assert.equal(await blockedBy(3), '')
    assert.doesNotMatch(plain, /spice/)
    const vnc = reach(plain, 'vnc')
    assert.match(String((await once(vnc, 'data'))[0]), /^RFB 003/)
    vnc.destroy()
    await end(2)
    await end(3)
  })

  test('a virtio video card takes the size of who looks at it, and vga does not', async () => {
    const seen: number[] = []
    for (const video_model of ['vga', 'virtio'] as const) {
      const screen = await Vnc.of(reach(await start(4, { video_model }), 'vnc'))
      seen.push(await screen.resize(1000, 700))
      screen.close()
      await end(4)
    }
    assert.deepEqual(seen, [3, 4])
  })

  test('what this host can do is what its libvirt says', async () => {
    const capabilities = await libvirt.host.domainCapabilities({ arch: 'x86_64', machine: 'q35', virt_type: 'qemu' })
    const can = abilitiesOf(capabilities, await hypervisor.versions())
    const modules = spawnSync('qemu-system-x86_64', ['-spice', 'help'], { encoding: 'utf8' })
    assert.equal(can.spice, /unix=<bool/.test(modules.stdout), capabilities)
    const chardevs = spawnSync('qemu-system-x86_64', ['-chardev', 'help'], { encoding: 'utf8' })
    assert.equal(can.clipboard, chardevs.stdout.includes('qemu-vdagent'))
  })
})
