/** The client against a real libvirtd with QEMU: life cycle, events, console, screen, errors, limits. */
import assert from 'node:assert/strict'
import { on, once } from 'node:events'
import { after, before, describe, test } from 'node:test'
import {
  affect,
  ConnectionError,
  consoleFlag,
  deviceFlag,
  type DomainEvent,
  isAgentUnavailable,
  isNoDomain,
  isOperationInvalid,
  Libvirt,
  LibvirtError,
  type LibvirtStream,
  listFlag,
  startFlag,
  statsGroup,
  TimeoutError,
  xmlFlag,
} from '../../../src/lib/libvirt/index.ts'
import { Daemon } from './daemon.ts'
import { tinyDomain } from './guest-xml.ts'

let daemon: Daemon
let libvirt: Libvirt

describe('libvirt/qemu', () => {
  before(async () => {
    daemon = await Daemon.start()
    libvirt = await Libvirt.connect({ path: daemon.path })
  })

  after(async () => {
    await libvirt?.close()
    await daemon?.stop()
  })

  test('says what the host and its hypervisor are', async () => {
    assert.match(await libvirt.host.libvirtVersion(), /^\d+\.\d+\.\d+$/)
    assert.match(await libvirt.host.hypervisorVersion(), /^\d+\.\d+\.\d+$/)
    assert.equal(await libvirt.host.driver(), 'QEMU')
    assert.equal(await libvirt.host.uri(), 'qemu:///system')
    assert.ok((await libvirt.host.hostname()).length > 0)
    const node = await libvirt.host.nodeInfo()
    assert.ok(node.cpus >= 1 && node.memory_kib > 100_000, JSON.stringify(node))
    assert.match(node.model, /^\w+$/)
    assert.ok(((await libvirt.host.memoryStats_kib())['total'] ?? 0) > 100_000)
    assert.ok((await libvirt.host.freeMemory_bytes()) > 0)
    assert.match(await libvirt.host.capabilities(), /^<capabilities>/)
    const caps = await libvirt.host.domainCapabilities({ arch: 'x86_64', machine: 'q35', virt_type: 'qemu' })
    assert.match(caps, /^<domainCapabilities>/)
    const model = /<cpu>[^]*?<\/cpu>/.exec(await libvirt.host.capabilities())?.[0]
    assert.ok(model)
    assert.match(await libvirt.host.baselineCpu([model]), /<cpu/)
  })

  test('runs a domain through its life, and tells of every step', async () => {
    const tiny = tinyDomain('life')
    const callback = await libvirt.subscribe('lifecycle', tiny)
    const changes: string[] = []
    const events = on(libvirt, 'event')
    const until = async (wanted: string) => {
      for await (const [event] of events as AsyncIterable<[DomainEvent]>) {
        if (event.kind !== 'lifecycle' || event.callback_id !== callback) continue
        assert.equal(event.domain.uuid, tiny.uuid)
        changes.push(`${event.change} ${event.detail}`)
        if (changes.at(-1) === wanted) return
      }
    }

    const defined = await libvirt.domains.define(tiny.xml)
    assert.deepEqual(defined, { name: 'life', uuid: tiny.uuid, id: -1 })
    assert.deepEqual(await libvirt.domains.state(tiny), { state: 'shutoff', reason: 'unknown' })
    assert.deepEqual(await libvirt.domains.list(listFlag.inactive), [defined])
    assert.deepEqual(await libvirt.domains.list(listFlag.active), [])

    const running = await libvirt.domains.start(tiny)
    assert.ok(running.id > 0)
    await until('started booted')
    assert.deepEqual(await libvirt.domains.state(tiny), { state: 'running', reason: 'booted' })
    const info = await libvirt.domains.info(tiny)
    assert.deepEqual({ ...info, cpu_time_ns: 0n }, runningInfo)
    assert.ok(info.cpu_time_ns > 0n)
    assert.deepEqual(await libvirt.domains.lookupByUuid(tiny.uuid), running)
    assert.deepEqual(await libvirt.domains.lookupByName('life'), running)

    await libvirt.domains.suspend(tiny)
    await until('suspended paused')
    assert.deepEqual(await libvirt.domains.state(tiny), { state: 'paused', reason: 'user' })
    await libvirt.domains.resume(tiny)
    await until('resumed unpaused')
    await libvirt.domains.reset(tiny)
    await libvirt.domains.shutdown(tiny)
    await libvirt.domains.destroy(tiny)
    await until('stopped destroyed')
    assert.deepEqual(await libvirt.domains.state(tiny), { state: 'shutoff', reason: 'destroyed' })
    await libvirt.domains.undefine(tiny)
    await until('undefined removed')
    assert.deepEqual(changes.slice(0, 3), ['defined added', 'resumed unpaused', 'started booted'])
    await libvirt.unsubscribe(callback)
    await assert.rejects(libvirt.domains.state(tiny), isNoDomain)
  })

  const runningInfo = { state: 'running', max_memory_kib: 32768, memory_kib: 32768, vcpus: 1, cpu_time_ns: 0n }

  test('keeps and finds metadata, autostart and definition', async () => {
    const tiny = tinyDomain('metadata')
    await libvirt.domains.define(tiny.xml)
    const uri = 'urn:example:owner'
    await libvirt.domains.setMetadata(tiny, {
      kind: 'element',
      value: '<owner>ü & me</owner>'.replace('&', '&amp;'),
      key: 'o',
      uri,
    })
    assert.match(await libvirt.domains.metadata(tiny, 'element', uri), /ü &amp; me/)
    await libvirt.domains.setMetadata(tiny, { kind: 'title', value: 'A title' })
    assert.equal(await libvirt.domains.metadata(tiny, 'title'), 'A title')
    await libvirt.domains.setMetadata(tiny, { kind: 'title', value: null })
    await assert.rejects(libvirt.domains.metadata(tiny, 'title'), { name: 'LibvirtError', code: 80 })
    assert.equal(await libvirt.domains.autostart(tiny), false)
    await libvirt.domains.setAutostart(tiny, true)
    assert.equal(await libvirt.domains.autostart(tiny), true)
    await libvirt.devices.setMemory(tiny, 16384, affect.config)
    assert.match(await libvirt.domains.xml(tiny, xmlFlag.inactive), /<currentMemory unit='KiB'>16384</)
    await libvirt.domains.undefine(tiny)
  })

  test('gives statistics of all domains at once', async () => {
    const tiny = tinyDomain('stats')
    await libvirt.domains.createTransient(tiny.xml)
    const all = await libvirt.domains.stats(statsGroup.state | statsGroup.cpu_total | statsGroup.vcpu)
    const found = all.find(entry => entry.domain.uuid === tiny.uuid)
    assert.equal(found?.values['state.state'], 1)
    assert.ok(Number(found?.values['cpu.time']) > 0)
    assert.equal(found?.values['vcpu.current'], 1)
    const one = await libvirt.domains.stats(0, 0, [tiny])
    assert.deepEqual(
      one.map(entry => entry.domain.name),
      ['stats'],
    )
    assert.ok(((await libvirt.devices.memoryStats(tiny)).rss_kib ?? 0) > 0)
    await libvirt.domains.destroy(tiny)
    await assert.rejects(libvirt.domains.lookupByUuid(tiny.uuid), isNoDomain)
  })

  test('carries the console both ways and ends it with the domain', async () => {
    const tiny = tinyDomain('console')
    await libvirt.domains.createTransient(tiny.xml, startFlag.paused)
    const console = await libvirt.guest.openConsole(tiny)
    await libvirt.domains.resume(tiny)
    await waitFor(console, /Press ESC for boot menu/)
    console.write('\x1b')
    await waitFor(console, /Select boot device/)
    const closed = once(console, 'close')
    console.resume()
    await libvirt.domains.destroy(tiny)
    await closed
    assert.equal(console.errored, null)
  })

  test('aborts a console, and another can be opened at once', async () => {
    const tiny = tinyDomain('abort')
    await libvirt.domains.createTransient(tiny.xml, startFlag.paused)
    const first = await libvirt.guest.openConsole(tiny)
    first.destroy()
    await once(first, 'close')
    // The daemon may be a moment late to notice.
    const second = await libvirt.guest.openConsole(tiny, null, consoleFlag.force)
    second.resume().end()
    await once(second, 'close')
    const third = await libvirt.guest.openConsole(tiny)
    await libvirt.domains.resume(tiny)
    await waitFor(third, /SeaBIOS/)
    third.destroy()
    await libvirt.domains.destroy(tiny)
  })

  test('fetches a screenshot as a stream', async () => {
    const tiny = tinyDomain(
      'screen',
      `<graphics type='vnc' autoport='yes' listen='127.0.0.1'/><video><model type='vga'/></video>`,
    )
    await libvirt.domains.createTransient(tiny.xml)
    const { mime, stream } = await libvirt.guest.screenshot(tiny)
    const chunks: Buffer[] = []
    for await (const chunk of stream) chunks.push(chunk as Buffer)
    const image = Buffer.concat(chunks)
    assert.match(mime ?? '', /^image\//)
    const magic = mime === 'image/png' ? '\x89PNG' : 'P6'
    assert.equal(image.toString('latin1', 0, magic.length), magic)
    // Whole: a picture of nothing yet is small as PNG, and ends as any other does.
    if (mime === 'image/png') assert.equal(image.toString('latin1', image.length - 8, image.length - 4), 'IEND')
    else assert.ok(image.length > 1000, `${image.length} bytes`)
    await libvirt.domains.destroy(tiny)
  })

  test('plugs a device in and out', async () => {
    const tiny = tinyDomain(
      'plug',
      `<controller type='pci' index='0' model='pcie-root'/>${`<controller type='pci' model='pcie-root-port'/>`.repeat(4)}`,
    )
    await libvirt.domains.createTransient(tiny.xml)
    const rng = `<rng model='virtio'><backend model='random'>/dev/urandom</backend><alias name='ua-rng'/></rng>`
    const callback = await libvirt.subscribe('device_added', tiny)
    const events = on(libvirt, 'event')
    await libvirt.devices.attach(tiny, rng, deviceFlag.live)
    for await (const [event] of events as AsyncIterable<[DomainEvent]>) {
      if (event.kind !== 'device_added') continue
      assert.equal(event.device, 'ua-rng')
      break
    }
    assert.match(await libvirt.domains.xml(tiny), /ua-rng/)
    await libvirt.devices.detachByAlias(tiny, 'ua-rng', deviceFlag.live)
    await libvirt.unsubscribe(callback)
    await libvirt.domains.destroy(tiny)
  })

  test('reaches QEMU’s monitor, and says when there is no guest agent', async () => {
    const tiny = tinyDomain(
      'monitor',
      `<channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'/></channel>`,
    )
    await libvirt.domains.createTransient(tiny.xml)
    const status = await libvirt.guest.monitorCommand(tiny, 'query-status')
    assert.equal((status as { status: string }).status, 'running')
    await assert.rejects(
      libvirt.guest.agentCommand(tiny, 'guest-ping', undefined, { timeout_ms: 1000 }),
      isAgentUnavailable,
    )
    await libvirt.domains.destroy(tiny)
    const bare = tinyDomain('bare')
    await libvirt.domains.createTransient(bare.xml)
    await assert.rejects(libvirt.guest.agentCommand(bare, 'guest-ping'), isAgentUnavailable)
    await assert.rejects(libvirt.guest.interfaceAddresses(bare, 'agent'), isAgentUnavailable)
    await libvirt.domains.destroy(bare)
  })

  test('refusals come as typed errors, and the connection goes on', async () => {
    await assert.rejects(libvirt.domains.define('<not-xml'), LibvirtError)
    await assert.rejects(libvirt.domains.define('<domain type="qemu"><name>x</name></domain>'), LibvirtError)
    await assert.rejects(libvirt.domains.lookupByName('no such'), isNoDomain)
    await assert.rejects(libvirt.domains.lookupByUuid('nonsense'), { name: 'XdrError' })
    const tiny = tinyDomain('twice')
    await libvirt.domains.define(tiny.xml)
    await assert.rejects(libvirt.domains.destroy(tiny), isOperationInvalid)
    await assert.rejects(libvirt.guest.openConsole(tiny), isOperationInvalid)
    await libvirt.domains.start(tiny)
    await assert.rejects(libvirt.domains.start(tiny), error => {
      assert.ok(isOperationInvalid(error))
      assert.match(error.message, /already running.*domain_create_with_flags/)
      return true
    })
    await libvirt.domains.destroy(tiny)
    await libvirt.domains.undefine(tiny)
    await assert.rejects(Libvirt.connect({ path: daemon.path, uri: 'nosuch:///system' }), LibvirtError)
    await assert.rejects(Libvirt.connect({ path: `${daemon.path}-not` }), {
      name: 'ConnectionError',
      reason: 'unreachable',
    })
  })

  test('takes more calls than libvirtd serves at once', async () => {
    const tiny = tinyDomain('many')
    await libvirt.domains.define(tiny.xml)
    const states = await Promise.all(Array.from({ length: 500 }, () => libvirt.domains.state(tiny)))
    assert.ok(states.every(({ state }) => state === 'shutoff'))
    await libvirt.domains.undefine(tiny)
  })

  test('a call that is not answered in time fails and leaves the connection whole', async () => {
    const other = await Libvirt.connect({ path: daemon.path, call_timeout_ms: 1000 })
    await daemon.signalLibvirtd('STOP')
    try {
      await assert.rejects(other.host.hostname(), (error: unknown) => error instanceof TimeoutError && error.sent)
      // Five that are still with the daemon take up all places, so that a sixth is never sent.
      const five = await Promise.allSettled(Array.from({ length: 6 }, () => other.host.hostname()))
      const sent = five.map(
        result => result.status === 'rejected' && result.reason instanceof TimeoutError && result.reason.sent,
      )
      assert.deepEqual(sent, [true, true, true, true, false, false])
    } finally {
      await daemon.signalLibvirtd('CONT')
    }
    assert.ok((await other.host.hostname()).length > 0)
    await other.close()
    await assert.rejects(other.host.hostname(), { name: 'ConnectionError', reason: 'closed' })
  })

  test('a daemon that stops answering is given up', async () => {
    const other = await Libvirt.connect({ path: daemon.path, keepalive_interval_ms: 100, keepalive_missed_max: 3 })
    const closed = once(other, 'close')
    await daemon.signalLibvirtd('STOP')
    try {
      await assert.rejects(other.host.hostname(), { name: 'ConnectionError', reason: 'unresponsive' })
      const [why] = await closed
      assert.ok(why instanceof ConnectionError)
    } finally {
      await daemon.signalLibvirtd('CONT')
    }
  })

  /** Reads until the text so far matches, and leaves the stream open. */
  function waitFor(stream: LibvirtStream, wanted: RegExp): Promise<void> {
    let text = ''
    return new Promise((resolve, reject) => {
      const failed = (error: Error) => reject(error)
      const ended = () => reject(new Error(`the stream ended before ${String(wanted)}: ${text}`))
      const read = (chunk: Buffer) => {
        text += chunk.toString('latin1')
        if (!wanted.test(text)) return
        stream.off('data', read).off('error', failed).off('close', ended)
        resolve()
      }
      stream.on('data', read).on('error', failed).on('close', ended)
    })
  }
})
