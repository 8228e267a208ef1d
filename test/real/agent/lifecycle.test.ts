/** A whole agent as a program of its own, against a private libvirtd with real guests; the controller is the test's. */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { readdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import type { WebSocket } from 'ws'
import { joinHost } from '../../../src/agent/join.ts'
import type { WantedInstance } from '../../../src/protocol/wanted.ts'
import { uuid, wantedInstance } from '../../unit/agent/fakes.ts'
import { Daemon } from '../libvirt/daemon.ts'
import { bootSector } from './boot-sector.ts'
import { TestController } from './controller.ts'
import { scratch } from '../../support/scratch.ts'

const main = join(import.meta.dirname, '../../../src/agent/main.ts')
let work: string
let daemon: Daemon
let controller: TestController
let agent: ChildProcess

describe('agent/lifecycle', () => {
  before(async () => {
    work = await scratch('croft-agent')
    ;[daemon, controller] = await Promise.all([Daemon.start(), TestController.start()])
    controller.images.set(uuid(0xa), bootSector({ heedsPowerButton: true }))
    controller.images.set(uuid(0xb), bootSector({ heedsPowerButton: false }))
    const { url, token } = controller
    await joinHost({ controller_url: url, token, state_dir: join(work, 'state') })
    await startAgent()
  })

  after(async () => {
    await killAgent('SIGTERM')
    controller.stop()
    await daemon.stop()
    await rm(work, { recursive: true, force: true })
  })

  async function startAgent(): Promise<void> {
    const places = ['--state', join(work, 'state'), '--run', join(work, 'run'), '--libvirt', daemon.path]
    const level = ['--log-level', process.argv.includes('--verbose') ? 'debug' : 'fatal']
    agent = spawn(process.execPath, [main, ...places, '--network', 'none', ...level], {
      stdio: ['ignore', 'ignore', 'inherit'],
    })
    await controller.linked()
  }

  async function killAgent(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    if (agent.exitCode !== null || agent.signalCode !== null) return
    const gone = once(agent, 'exit')
    agent.kill(signal)
    await gone
  }

  function guest(n: number, image: number, change: Partial<WantedInstance> = {}): WantedInstance {
    const bytes = controller.images.get(uuid(image)) ?? Buffer.alloc(0)
    const sha256 = createHash('sha256').update(bytes).digest('hex')
    const root = { image_id: uuid(image), sha256, size_bytes: bytes.length, format: 'raw' as const }
    return wantedInstance({
      id: uuid(n),
      memory_mib: 32,
      config_drive: true,
      watchdog_action: 'reset',
      stop_timeout_s: 30,
      disks: [{ volume_id: uuid(0x100 + n), role: 'root', size_gib: 1, image: root, bus: 'virtio' }],
      ...change,
    })
  }

  /** What the guest wrote, over a stream as a controller asks for it. */
  async function stream(kind: 'log' | 'console', id: string, follow = false): Promise<WebSocket> {
    const token = `t-${kind}-${controller.streams.size}`
    // What comes before anybody listens waits: the agent opens it before it answers.
    const opened = new Promise<WebSocket>(resolve =>
      controller.streams.set(token, socket => {
        socket.pause()
        resolve(socket)
      }),
    )
    const url = `wss://127.0.0.1:${controller.port}/streams/1`
    const answer = await controller.call({ method: 'stream', kind, instance_id: id, url, token, follow })
    assert.deepEqual(answer.result, {}, answer.error ?? 'no error given')
    return opened
  }

  async function textUntil(socket: WebSocket, fits: (text: string) => boolean): Promise<string> {
    let text = ''
    const { promise, resolve, reject } = Promise.withResolvers<string>()
    const timer = setTimeout(() => reject(new Error(`only this came: ${JSON.stringify(text)}`)), 20_000)
    socket.on('message', data => {
      text += (data as Buffer).toString('latin1')
      if (fits(text)) resolve(text)
    })
    socket.on('close', () => reject(new Error(`closed after: ${JSON.stringify(text)}`)))
    socket.resume()
    try {
      return await promise
    } finally {
      clearTimeout(timer)
    }
  }

  /** Once the guest has booted `times` times, as its log tells. */
  async function saidHello(id: string, times: number): Promise<void> {
    const log = await stream('log', id, true)
    await textUntil(log, text => text.split('HELLO').length > times)
    log.close()
  }

  async function qemuPids(): Promise<string[]> {
    const listing = await daemon.exec('sh', [
      '-c',
      'for f in /run/libvirt/qemu/croft-*.pid; do [ -e "$f" ] && cat "$f" && echo; done; true',
    ])
    return listing
      .split(/\s+/)
      .filter(pid => pid !== '')
      .sort()
  }

  const heeding = () => guest(1, 0xa)
  const deaf = () => guest(2, 0xb, { stop_timeout_s: 1 })

  test('created guests run, and their consoles are there to read and to write', async () => {
    controller.want(true, [heeding(), deaf()])
    const report = await controller.report(uuid(1), each => each.power === 'running')
    assert.deepEqual([report.applied_generation, report.failure], [1, null])
    await controller.report(uuid(2), each => each.power === 'running')
    const log = await stream('log', uuid(1), true)
    await textUntil(log, text => text.includes('HELLO'))
    const serial = await stream('console', uuid(1))
    serial.send(Buffer.from('tell'))
    await textUntil(serial, text => text.includes('tell'))
    serial.close()
    await textUntil(await stream('log', uuid(1), true), text => text.includes('tell'))
    log.close()
    assert.deepEqual(
      await readdir(join(work, 'state/pool/images')),
      [
        `${createHash('sha256')
          .update(bootSector({ heedsPowerButton: true }))
          .digest('hex')}.raw`,
        `${createHash('sha256')
          .update(bootSector({ heedsPowerButton: false }))
          .digest('hex')}.raw`,
      ].sort(),
    )
  })

  test('it measures itself and its guests as often as it is told to, and no more', async () => {
    const ways = { version: 1, ovn_southbound: '', physical_networks: {}, external_gateway: null }
    const tell = (metrics_interval_s: number) => {
      const forget = { forget_instances: [], forget_networks: [] }
      const host = { ...ways, metrics_interval_s }
      controller.send({ type: 'wanted', whole: false, host, instances: [], networks: [], ...forget })
    }
    tell(1)
    const frame = await controller.until(() => {
      const samples = controller.got.filter(one => one.type === 'samples')
      return samples.length >= 2 && samples.at(-1)
    })
    tell(0)
    assert.deepEqual(frame.instances.map(one => one.id).sort(), [uuid(1), uuid(2)])
    for (const one of frame.instances) {
      assert.ok(one.cpu_s > 0 && one.cpus === 1, JSON.stringify(one))
      assert.equal(one.memory_size_bytes, 32 * 2 ** 20)
      assert.ok((one.memory_used_bytes ?? 0) > 0, 'what QEMU holds, as no balloon driver is in it')
      assert.ok(
        one.disks.some(disk => disk.name === 'vda' && disk.read_bytes > 0 && disk.read_ops > 0),
        'it booted from it',
      )
    }
    const { host } = frame
    assert.ok(host && host.cpu_s > 0 && host.cpus > 0 && (host.memory_used_bytes ?? 0) > 0)
    assert.ok(host.pools.some(({ used_bytes, size_bytes }) => used_bytes > 0 && size_bytes > used_bytes))
  })

  test('kill -9 of libvirtd, then of the agent: the same guests go on, adopted and not restarted', async () => {
    const before = await qemuPids()
    assert.equal(before.length, 2)
    await daemon.signalLibvirtd('KILL')
    await daemon.startLibvirtd()
    await killAgent('SIGKILL')
    controller.reports.clear()
    await startAgent()
    controller.want(true, [heeding(), deaf()])
    const report = await controller.report(uuid(1), each => each.power === 'running')
    assert.equal(report.applied_generation, 1)
    assert.deepEqual(await qemuPids(), before)
    const hello = controller.got.findLast(frame => frame.type === 'hello')
    assert.deepEqual(hello?.type === 'hello' ? hello.holds.map(each => each.id).sort() : [], [uuid(1), uuid(2)])
  })

  test('a guest that heeds the button stops soon; one that does not is cut off at its deadline', async () => {
    const begun_ms = Date.now()
    controller.want(false, [{ ...heeding(), generation: 2, power: 'stopped' }])
    await controller.report(uuid(1), each => each.power === 'stopped' && each.applied_generation === 2)
    assert.ok(Date.now() - begun_ms < 25_000)
    controller.want(false, [{ ...deaf(), generation: 2, power: 'stopped' }])
    await controller.report(uuid(2), each => each.power === 'stopped' && each.applied_generation === 2)
    assert.deepEqual(await qemuPids(), [])
  })

  test('start again; reboots happen once each', async () => {
    controller.want(false, [
      { ...heeding(), generation: 3 },
      { ...deaf(), generation: 3 },
    ])
    await controller.report(uuid(1), each => each.power === 'running' && each.applied_generation === 3)
    await controller.report(uuid(2), each => each.power === 'running' && each.applied_generation === 3)
    // A guest hears the button only once it is up; pressed too early, it is pressed again ten seconds later.
    await saidHello(uuid(1), 2)
    const running = await qemuPids()
    const first = await controller.report(uuid(1), each => each.started_at !== null)
    controller.want(false, [
      { ...heeding(), generation: 4, reboot_count: 1, reboot_kind: 'soft' },
      { ...deaf(), generation: 4, reboot_count: 1, reboot_kind: 'hard' },
    ])
    const second = await controller.report(uuid(1), each => each.power === 'running' && each.applied_generation === 4)
    await controller.report(uuid(2), each => each.power === 'running' && each.applied_generation === 4)
    assert.notEqual(second.started_at, first.started_at)
    const rebooted = await qemuPids()
    assert.ok(rebooted.every(pid => !running.includes(pid)))
    await killAgent('SIGKILL')
    await startAgent()
    controller.want(true, [
      { ...heeding(), generation: 4, reboot_count: 1, reboot_kind: 'soft' },
      { ...deaf(), generation: 4, reboot_count: 1, reboot_kind: 'hard' },
    ])
    await controller.report(uuid(2), each => each.power === 'running' && each.applied_generation === 4)
    assert.deepEqual(await qemuPids(), rebooted, 'not rebooted again')
  })

  test('a guest that powers itself off is told as such; a crashed one is started again', async () => {
    const serial = await stream('console', uuid(1))
    serial.send(Buffer.from('q'))
    const off = await controller.report(uuid(1), each => each.power === 'stopped')
    assert.deepEqual([off.stopped_by_guest, off.applied_generation, off.failure], [true, 4, null])
    const before = await qemuPids()
    const other = await stream('console', uuid(2))
    const started_at = controller.reports.get(uuid(2))?.started_at
    other.send(Buffer.from('c'))
    await controller.report(uuid(2), each => each.power === 'running' && each.started_at !== started_at)
    assert.notDeepEqual(await qemuPids(), before)
  })

  test('a foreign domain is told and left alone, even one with a wanted id', async () => {
    const xml = `<domain type='qemu'><name>by-hand</name><uuid>${uuid(9)}</uuid><memory unit='MiB'>16</memory><os><type>hvm</type></os></domain>`
    await daemon.exec('sh', ['-c', 'printf %s "$1" >/run/x.xml && virsh -q define /run/x.xml', 'sh', xml])
    controller.want(false, [guest(9, 0xa)])
    const report = await controller.report(uuid(9), each => each.failure !== null)
    assert.match(report.failure ?? '', /"by-hand".*did not make it/)
    await controller.until(() =>
      controller.got.some(frame => frame.type === 'foreign' && frame.domains[0]?.name === 'by-hand'),
    )
    controller.want(false, [guest(9, 0xa, { generation: 2, power: 'purged' })])
    await controller.report(uuid(9), each => each.applied_generation === 2 && each.failure !== null)
    assert.match(await daemon.exec('virsh', ['-q', 'list', '--all']), /by-hand/)
    await daemon.exec('virsh', ['-q', 'undefine', 'by-hand'])
    await controller.report(uuid(9), each => each.power === 'absent')
  })

  test('an image that is not to be had fails with its reason, and works once it is', async () => {
    const late = guest(3, 0xa, { disks: [] })
    const disks = [{ ...(heeding().disks[0] ?? assert.fail()), volume_id: uuid(0x103) }].map(disk => ({
      ...disk,
      image: disk.image === null ? null : { ...disk.image, image_id: uuid(0xc), sha256: 'c'.repeat(64) },
    }))
    controller.want(false, [{ ...late, disks }])
    const failed = await controller.report(uuid(3), each => each.failure !== null)
    assert.match(failed.failure ?? '', /not in the controller/)
    assert.equal(failed.applied_generation, 1)
    controller.want(false, [guest(3, 0xa, { generation: 2 })])
    await controller.report(uuid(3), each => each.power === 'running' && each.failure === null)
  })

  test('deleted keeps the disks; purged leaves nothing; forgotten is forgotten', async () => {
    const all = [1, 2, 3].map(n => guest(n, n === 2 ? 0xb : 0xa, { generation: 10, power: 'deleted', reboot_count: 1 }))
    controller.want(false, all)
    for (const { id } of all)
      await controller.report(id, each => each.power === 'stopped' && each.applied_generation === 10)
    assert.equal((await daemon.exec('virsh', ['-q', 'list', '--all'])).trim(), '')
    assert.equal((await readdir(join(work, 'state/pool/volumes'))).length, 3)
    controller.want(false, [{ ...heeding(), generation: 11, reboot_count: 1 }])
    await controller.report(uuid(1), each => each.power === 'running' && each.applied_generation === 11)
    const purged = [...all, guest(9, 0xa)].map(each => ({ ...each, generation: 12, power: 'purged' as const }))
    controller.want(false, purged)
    for (const { id } of purged)
      await controller.report(id, each => each.power === 'absent' && each.applied_generation === 12)
    controller.want(
      false,
      [],
      purged.map(each => each.id),
    )
    const probe = await controller.call({
      method: 'stream',
      kind: 'log',
      instance_id: uuid(1),
      url: controller.url,
      token: 'x',
    })
    assert.match(probe.error ?? '', /no such instance/)
    for (const folder of ['wanted', 'done', 'pool/volumes', 'pool/config', 'console']) {
      assert.deepEqual(await readdir(join(work, 'state', folder)), [], folder)
    }
    assert.deepEqual(await qemuPids(), [])
    assert.match(await readFile(join(work, 'state/agent/report.json'), 'utf8'), /^\d+$/)
  })
})
