/** A guest moves from one whole agent and libvirtd to another, and stays what it was; the controllers are the test's. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { promisify } from 'node:util'
import { migration, guest, TwoHosts } from './two-agents.ts'

const run = promisify(execFile)
let hosts: TwoHosts

describe('agent/moves', () => {
  before(async () => {
    hosts = await TwoHosts.start()
  })
  after(() => hosts?.stop())

  test('a guest with a disk of its own moves while it runs, and leaves nothing behind', async () => {
    const { alpha, beta } = hosts
    const one = guest(1)
    const volume = one.disks[0]?.volume_id ?? ''
    const disk = `${volume}.qcow2`
    alpha.controller.want(true, [one])
    const before = await alpha.controller.report(one.id, each => each.power === 'running')
    await alpha.echoes(one.id, 'before')

    const move = migration({ peer_host_id: alpha.controller.host_id, copied_volumes: [volume] })
    beta.controller.want(true, [{ ...one, migration: move }])
    const ready = await beta.phase(one.id, 'ready')
    assert.match(ready.address ?? '', /^127\.0\.0\.1:\d+$/)
    assert.equal(await beta.domstate(one.id), '', 'nothing runs there yet')

    const send = {
      ...move,
      step: 'send' as const,
      peer_host_id: beta.controller.host_id,
      peer_address: ready.address ?? '',
    }
    alpha.controller.want(false, [{ ...one, migration: send }])
    const sent = await alpha.phase(one.id, 'switched')
    assert.ok((sent.progress?.downtime_ms ?? -1) >= 0, JSON.stringify(sent))
    const come = await beta.controller.report(one.id, each => each.migration?.phase === 'switched')
    assert.deepEqual([come.power, come.applied_generation, come.started_at], ['running', 1, before.started_at])
    await beta.echoes(one.id, 'after')
    assert.doesNotMatch(await readFile(join(beta.dir, 'state/console', `${one.id}.log`), 'latin1'), /HELLO/)
    await run('qemu-img', ['compare', '-q', '-U', join(alpha.volumes, disk), join(beta.volumes, disk)])

    beta.controller.want(false, [one])
    alpha.controller.want(false, [{ ...one, migration: { ...send, step: 'leave' } }])
    await alpha.controller.report(one.id, each => each.power === 'absent')
    alpha.controller.want(true, [], [one.id])
    const mine = await beta.controller.report(one.id, each => each.power === 'running' && each.migration === undefined)
    assert.deepEqual([mine.failure, mine.started_at], [null, before.started_at])
    assert.equal(await alpha.domstate(one.id), '')
    assert.deepEqual(await alpha.traces(), [])
    assert.match(await beta.daemon.exec('virsh', ['-q', 'dominfo', `croft-${one.id}`]), /Persistent: +yes/)
    await beta.echoes(one.id, 'still')
  })
})
