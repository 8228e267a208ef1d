/**
 * CPUs, NUMA, growth and devices with a real libvirtd and QEMU: every kind of XML is taken by libvirt, and those that this kind of
 * machine can run are started, and looked at. Huge pages, a second NUMA node and real devices are beyond it: those are defined only.
 */
import assert from 'node:assert/strict'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, afterEach, before, describe, test } from 'node:test'
import pino from 'pino'
import { createLibvirtHypervisor, type LibvirtHypervisor } from '../../../src/agent/drivers/libvirt/hypervisor.ts'
import { Failure } from '../../../src/agent/ports.ts'
import { Libvirt } from '../../../src/lib/libvirt/index.ts'
import type { WantedInstance } from '../../../src/protocol/wanted.ts'
import { eventually } from '../../support/eventually.ts'
import { uuid, wantedInstance } from '../../unit/agent/fakes.ts'
import { hardwareVariants } from '../../unit/agent/hardware-variants.ts'
import { Daemon } from '../libvirt/daemon.ts'

let daemon: Daemon
let libvirt: Libvirt
let hypervisor: LibvirtHypervisor

const base = { id: uuid(1), memory_mib: 64, vcpus: 2, ports: [] } satisfies Partial<WantedInstance>
const cell = (cpus: number[]) => ({ vcpus: [0, 1], memory_mib: 64, host_node: 0, cpus })

describe('agent/hardware', () => {
  before(async () => {
    daemon = await Daemon.start()
    await daemon.learnQemu()
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

  afterEach(end)

  async function end(): Promise<void> {
    await hypervisor.cut(base.id)
    await hypervisor.undefine(base.id)
  }

  /** A guest that sits in its firmware; its XML as it runs. */
  async function start(change: Partial<WantedInstance>): Promise<string> {
    const instance = wantedInstance({ ...base, ...change })
    await hypervisor.define({ instance, disks: [], config_drive: null })
    await hypervisor.start(base.id)
    return await xmlNow()
  }
  const xmlNow = () => libvirt.domains.xml({ uuid: base.id })

  /** Of each thread of the guest's QEMU, where it may run, by the thread's name. */
  async function threads(): Promise<Map<string, string>> {
    const pid = (await readFile(join(daemon.dir, 'run', 'qemu', `croft-${base.id}.pid`), 'utf8')).trim()
    const tasks = join(daemon.proc, pid, 'task')
    const found = new Map<string, string>()
    for (const task of await readdir(tasks)) {
      const [name, status] = await Promise.all(
        ['comm', 'status'].map(file => readFile(join(tasks, task, file), 'utf8')),
      )
      found.set(
        task === pid ? 'main' : (name?.trim() ?? ''),
        /Cpus_allowed_list:\s*(\S+)/.exec(status ?? '')?.[1] ?? '',
      )
    }
    return found
  }

  for (const [name, hardware] of Object.entries(hardwareVariants)) {
    test(`libvirt takes ${name}`, async () => {
      const port = {
        port_id: uuid(20),
        network_id: uuid(30),
        mac: 'fa:16:3e:00:00:01',
        mtu: 1442,
        addresses: [],
        dns: [],
      }
      const ports = [{ ...port, model: 'virtio' as const }]
      const instance = wantedInstance({ id: base.id, vcpus: 4, memory_mib: 1536, ports, hardware })
      await hypervisor.define({ instance, disks: [], config_drive: null })
      assert.ok((await xmlNow()).includes(base.id))
      await hypervisor.undefine(base.id)
    })
  }

  test('CPUs of its own: each vCPU on one, and what is not pinned is kept off', async () => {
    await start({ hardware: { cells: [cell([1, 0])] } })
    // A thread that has just begun is called as its maker until it says its own name.
    await eventually(async () => {
      const own = await threads()
      assert.equal(own.get('CPU 0/TCG'), '1')
      assert.equal(own.get('CPU 1/TCG'), '0')
    })
    await end()
    await start({})
    await hypervisor.confine(wantedInstance(base), { all: [1], nodes: new Map() })
    await eventually(async () => {
      const shared = await threads()
      assert.equal(shared.get('CPU 0/TCG'), '1')
      assert.equal(shared.get('CPU 1/TCG'), '1')
      assert.equal(shared.get('main'), '1')
    })
    await end()
  })

  test('a NUMA node bound to the host’s, a topology, a CPU model with flags', async () => {
    const xml = await start({
      hardware: {
        cells: [cell([])],
        topology: { sockets: 1, cores: 1, threads: 2 },
        cpu_model: 'Nehalem',
        flags_forbidden: ['sse4.2'],
      },
    })
    assert.match(xml, /<memnode cellid='0' mode='preferred' nodeset='0'\/>/)
    assert.match(xml, /<topology sockets='1' dies='1' cores='1' threads='2'\/>/)
    assert.match(xml, /<model fallback='forbid'>Nehalem<\/model>/)
    assert.match(xml, /<feature policy='disable' name='sse4.2'\/>/)
    await end()
  })

  test('vCPUs and memory grow while it runs, and what has no room is refused with words', async () => {
    const hardware = { vcpus_max: 4, memory_max_mib: 2112, memory_base_mib: 64 }
    const xml = await start({ hardware })
    assert.match(xml, /<vcpu placement='static' current='2'>4<\/vcpu>/)
    const more = wantedInstance({ ...base, vcpus: 3, memory_mib: 320, hardware })
    await hypervisor.grow(more)
    await hypervisor.grow(more)
    const grown = await xmlNow()
    assert.match(grown, /<vcpu placement='static' current='3'>4<\/vcpu>/)
    assert.equal(grown.match(/<memory model='dimm'/g)?.length, 2)
    assert.equal((await libvirt.domains.info({ uuid: base.id })).max_memory_kib, 320 * 1024)
    await assert.rejects(hypervisor.grow(wantedInstance({ ...base, vcpus: 8, hardware })), (error: unknown) => {
      assert.ok(error instanceof Failure)
      assert.match(error.message, /room for 4 vCPUs, and 8 are wanted/)
      return true
    })
    await end()
    // What it grew to it starts with the next time, as the same devices.
    const again = await start({ ...more, hardware })
    assert.equal(again.match(/<memory model='dimm'/g)?.length, 2)
    await end()
  })

  test('libvirt says which CPU models guests can have', async () => {
    const models = await hypervisor.cpuModels()
    assert.ok(models.includes('qemu64'), models.join())
  })
})
