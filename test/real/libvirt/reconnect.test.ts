/** Keeping a connection while libvirtd dies and comes back: the guests live on, events flow again, nothing hangs. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import { realClock } from '../../../src/lib/clock.ts'
import {
  ConnectionError,
  type DomainEvent,
  isConnectionError,
  Libvirt,
  ReconnectingLibvirt,
} from '../../../src/lib/libvirt/index.ts'
import { Daemon } from './daemon.ts'
import { tinyDomain } from './guest-xml.ts'

test('a killed libvirtd comes back with its guests, and so do the events', async () => {
  await using daemon = await Daemon.start()
  await using keeper = new ReconnectingLibvirt({
    path: daemon.path,
    events: ['lifecycle', 'reboot'],
    pause_min_ms: 20,
    pause_max_ms: 200,
  })
  const first = await keeper.start().ready()
  const tiny = tinyDomain('survivor')
  await first.domains.define(tiny.xml)
  await first.domains.start(tiny)
  // The daemon is stopped first, so that there is a call under way when it dies.
  const down = once(keeper, 'down')
  await daemon.signalLibvirtd('STOP')
  const underWay = first.domains.state(tiny)
  const refused = assert.rejects(underWay, (error: unknown) => {
    assert.ok(isConnectionError(error))
    assert.match(error.message, /domain_get_state was under way/)
    return error.reason === 'closed_by_daemon'
  })
  await daemon.signalLibvirtd('KILL')
  await refused
  const [why] = await down
  assert.ok(why instanceof ConnectionError)
  assert.equal(keeper.current, null)
  assert.throws(() => keeper.get(), { name: 'ConnectionError', reason: 'unreachable' })
  await assert.rejects(keeper.ready(AbortSignal.timeout(50)), { name: 'TimeoutError' })

  await daemon.startLibvirtd()
  const second = await keeper.ready()
  assert.notEqual(second, first)
  assert.deepEqual(await second.domains.state(tiny), { state: 'running', reason: 'booted' })
  // A new libvirtd takes its guests over in the background. Suspending waits for that; destroying would cut it short, stop the
  // guest as "failed", and then answer that it does not run.
  await second.domains.suspend(tiny)
  const stopped = new Promise<DomainEvent>(resolve => {
    keeper.on('event', event => {
      if (event.kind === 'lifecycle' && event.change === 'stopped') resolve(event)
    })
  })
  await second.domains.destroy(tiny)
  assert.equal((await stopped).domain.uuid, tiny.uuid)
})

test('without a daemon it says so once, and closing ends the attempts', async () => {
  const keeper = new ReconnectingLibvirt({ path: '/nonexistent/libvirt-sock', pause_min_ms: 5, pause_max_ms: 5 })
  let downs = 0
  keeper.on('down', () => downs++)
  const [why] = await once(keeper.start(), 'down')
  assert.match(why.message, /no such socket; is libvirtd running/)
  const ready = keeper.ready()
  const refused = assert.rejects(ready, { name: 'ConnectionError', reason: 'closed' })
  await keeper.close()
  await refused
  assert.equal(downs, 1)
})

test('an idle connection lives on by answering libvirtd’s pings', async () => {
  // This daemon drops a client that is silent for two seconds.
  await using daemon = await Daemon.start({ config: ['keepalive_interval = 1', 'keepalive_count = 1'] })
  await using libvirt = await Libvirt.connect({ path: daemon.path, keepalive_interval_ms: 60_000 })
  const closed = once(libvirt, 'close').then(() => 'closed')
  assert.equal(await Promise.race([closed, realClock.sleep(3_500)]), undefined)
  assert.ok((await libvirt.host.hostname()).length > 0)
})
