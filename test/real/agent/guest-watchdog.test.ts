/** A guest's watchdog (i6300esb) runs out in a real QEMU, once for each of the things that may be done then. */
import assert from 'node:assert/strict'
import { readFile, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { joinHost } from '../../../src/agent/join.ts'
import type { WatchdogAction } from '../../../src/model/availability.ts'
import type { InstanceReport } from '../../../src/protocol/messages.ts'
import { Daemon } from '../libvirt/daemon.ts'
import { bootSector, bootSectorKeys } from './boot-sector.ts'
import { TestController } from './controller.ts'
import { guest, image_id, TestHost } from './two-agents.ts'
import { scratch } from '../../support/scratch.ts'

describe('agent/guest-watchdog', { concurrency: true }, () => {
  let work = ''
  let host: TestHost

  before(async () => {
    work = await scratch('croft-agent')
    const [daemon, controller] = await Promise.all([Daemon.start(), TestController.start()])
    controller.images.set(image_id, bootSector({ heedsPowerButton: true }))
    await joinHost({ controller_url: controller.url, token: controller.token, state_dir: join(work, 'state') })
    host = new TestHost('alpha', work, daemon, controller)
    await host.startAgent()
  })
  after(async () => {
    await host?.killAgent('SIGTERM')
    host?.controller.stop()
    await host?.daemon.stop()
    await rm(work, { recursive: true, force: true })
  })

  /** How it is told of, from when it fired on. */
  async function fire(n: number, watchdog_action: WatchdogAction, said = ''): Promise<InstanceReport> {
    const instance = guest(n, { watchdog_action })
    host.controller.want(false, [instance])
    await host.controller.report(instance.id, each => each.power === 'running')
    await host.echoes(instance.id, 'up')
    const console = await host.console(instance.id)
    const heard = new Promise<void>(resolve => {
      let text = ''
      const hear = (data: Buffer | string) => {
        text += typeof data === 'string' ? data : data.toString('latin1')
        if (text.includes(said)) resolve()
      }
      hear('')
      console.on('message', hear)
    })
    console.send(Buffer.from(bootSectorKeys.watchdog))
    const report = await host.controller.report(instance.id, each => each.watchdog != null)
    await heard
    console.close()
    const { action, count, fired_at } = report.watchdog ?? assert.fail()
    assert.deepEqual([action, count], [watchdog_action, 1])
    assert.ok(Math.abs(Date.parse(fired_at) - Date.now()) < 60_000)
    return report
  }

  const boots = async (id: string) =>
    (await readFile(join(work, 'state/console', `${id}.log`), 'latin1')).split('HELLO').length - 1

  test('reset: it boots anew, in the same process', async () => {
    const { id } = await fire(1, 'reset', 'HELLO')
    await host.echoes(id, 'again')
    assert.equal(await boots(id), 2)
    assert.equal(await host.domstate(id), 'running')
  })

  test('poweroff: it is off, and is not started again by itself', async () => {
    const { id } = await fire(2, 'poweroff')
    await host.controller.report(id, each => each.power !== 'running' && each.stopped_by_guest)
    assert.equal(await host.domstate(id), 'shut off')
  })

  test('pause: it stands still, and its owner is told why; started, it goes on', async () => {
    const { id } = await fire(3, 'pause')
    const paused = await host.controller.report(id, each => each.power === 'paused' && each.failure !== null)
    assert.match(paused.failure ?? '', /watchdog ran out and paused it/)
    host.controller.want(false, [guest(3, { watchdog_action: 'pause', generation: 2 })])
    await host.controller.report(id, each => each.power === 'running' && each.failure === null)
    await host.echoes(id, 'goes on')
    assert.equal(await boots(id), 1)
  })

  test('dump: its memory is in a file on the host, which is named, and it goes on', async () => {
    const { id, watchdog } = await fire(4, 'dump')
    assert.equal(watchdog?.dump_failure, null)
    const file = watchdog?.dump_file ?? assert.fail('no dump')
    assert.ok((await stat(file)).size > 1024 * 1024)
    await host.echoes(id, 'goes on')
    assert.equal(await boots(id), 1)
  })
})
