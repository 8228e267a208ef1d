/** Moves between hosts with one pool, where nothing is copied; with postcopy; and where QEMU is not root. */
import assert from 'node:assert/strict'
import { chmod, readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { Drive, guest, TwoHosts } from './two-agents.ts'

describe('agent/moves-shared', () => {
  let hosts: TwoHosts
  before(async () => {
    hosts = await TwoHosts.start({ shared: true })
  })
  after(() => hosts?.stop())

  const one = guest(1)
  const disk = `${one.disks[0]?.volume_id}.qcow2`

  test('a volume in a pool of both hosts stays where it is, whatever is cleared away', async () => {
    const { alpha, beta } = hosts
    alpha.controller.want(true, [one])
    await alpha.controller.report(one.id, each => each.power === 'running')
    await alpha.echoes(one.id, 'before')
    const before = await stat(join(alpha.volumes, disk))
    const { outcome, told } = await new Drive(one, alpha, beta, {}).ended
    assert.equal(outcome, 'moved', told.reason ?? '')
    await beta.echoes(one.id, 'after')
    assert.equal((await stat(join(beta.volumes, disk))).ino, before.ino)
    assert.deepEqual(await readdir(join(beta.dir, 'pool', 'config')), [`${one.id}.iso`])
  })

  test('with postcopy it goes over at once, and its memory after it', async () => {
    const { alpha, beta } = hosts
    const drive = new Drive(one, beta, alpha, { postcopy_after_s: 0, bandwidth_mib_s: 1, timeout_s: 60 })
    const { outcome, told } = await drive.ended
    assert.equal(outcome, 'moved', told.reason ?? '')
    await alpha.echoes(one.id, 'afterwards')
    assert.ok((await stat(join(alpha.volumes, disk))).size > 0)
  })

  for (const who of ['source', 'target'] as const) {
    test(`the ${who}’s agent is killed while the memory is in two places: the guest runs on in the new one`, async () => {
      const [from, to] =
        (await hosts.alpha.domstate(one.id)) === '' ? [hosts.beta, hosts.alpha] : [hosts.alpha, hosts.beta]
      // So much that the rest takes seconds to come.
      await from.fills(one.id)
      const drive = new Drive(one, from, to, { postcopy_after_s: 0, bandwidth_mib_s: 1, timeout_s: 60 })
      await from.controller.report(one.id, each => each.migration?.progress?.postcopy === true)
      const killed = who === 'source' ? from : to
      await killed.killAgent('SIGKILL')
      await killed.startAgent()
      drive.tell()
      const { outcome, told } = await drive.ended
      assert.equal(outcome, 'moved', told.reason ?? '')
      assert.deepEqual([await from.domstate(one.id), await to.domstate(one.id)], ['', 'running'])
      await to.echoes(one.id, `after that`)
    })
  }

  test('a move that fails leaves the volume, too', async () => {
    const [alpha, beta] =
      (await hosts.alpha.domstate(one.id)) === '' ? [hosts.beta, hosts.alpha] : [hosts.alpha, hosts.beta]
    const gone = {
      ...one,
      disks: [...one.disks, { ...(one.disks[0] ?? assert.fail()), volume_id: one.id, role: 'data' as const }],
    }
    const { outcome, told } = await new Drive(gone, alpha, beta, {}).ended
    assert.equal(outcome, 'stayed')
    assert.match(told.reason ?? '', /should be in a pool that both hosts share/)
    assert.ok((await readdir(alpha.volumes)).includes(disk))
    await alpha.echoes(one.id, 'stayed')
  })
})

describe('agent/moves-plain-user', () => {
  let hosts: TwoHosts
  before(async () => {
    hosts = await TwoHosts.start({ daemon: { plain_user: true } })
    // As /var/lib is.
    const { alpha, beta } = hosts
    for (const dir of [hosts.work, alpha.dir, beta.dir, alpha.daemon.dir, beta.daemon.dir]) await chmod(dir, 0o755)
  })
  after(() => hosts?.stop())

  test('a guest of a QEMU that is not root moves with its disk', async () => {
    const { alpha, beta } = hosts
    const one = guest(1)
    alpha.controller.want(true, [one])
    await alpha.controller.report(one.id, each => each.power === 'running')
    const volumes = one.disks.map(disk => disk.volume_id)
    const { outcome, told } = await new Drive(one, alpha, beta, { copied_volumes: volumes }).ended
    assert.equal(outcome, 'moved', told.reason ?? '')
    await beta.echoes(one.id, 'after')
    assert.deepEqual(await alpha.traces(), [])
  })
})
