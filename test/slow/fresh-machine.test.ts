/**
 * What the README promises first, on a machine that has nothing: the smallest Debian with systemd, a clone, `./croft up`.
 * Then what follows in a machine's life: up again, a power cut, down and up. Takes some ten minutes and downloads some 400 MB.
 */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { Machine, name, unable } from './machine/machine.ts'

const why_not = await unable()
const skip = why_not === undefined ? false : `no fresh machine: ${why_not}`

describe('a fresh machine with systemd', { skip }, () => {
  let machine: Machine

  before(async () => {
    machine = await Machine.install()
    await machine.switchOn()
    await must('git', 'clone', '--quiet', '/srv/croft.git', '/root/croft')
  })
  after(() => machine?.[Symbol.asyncDispose]())

  async function must(...argv: string[]): Promise<string> {
    const { code, stdout, stderr } = await machine.exec(argv, { timeout_ms: 1_200_000 })
    assert.equal(code, 0, `${argv.join(' ')}: ${stdout}${stderr}`)
    return stdout
  }

  const croft = (...args: string[]) => must('sh', '-c', 'cd /root/croft && exec ./croft "$@"', 'croft', ...args)
  const mainPids = () => must('systemctl', 'show', '-p', 'MainPID', 'croft-controller', 'croft-agent', 'croft-postgres')
  const failedUnits = () => must('systemctl', '--failed', '--no-legend', '--no-pager')
  const programs = async () => Number(await must('sh', '-c', 'ls /usr/bin | wc -l'))

  /** By its floating address, as the README shows. */
  async function guestAnswers(): Promise<void> {
    assert.match(await croft('instance', 'list'), /^hello +running /m)
    assert.equal((await croft('instance', 'ssh', 'hello', '--', 'hostname')).trim(), 'hello')
  }

  test('a dry run says what it would do, and does nothing', async () => {
    const before_it = await programs()
    await croft('up', '--dry-run')
    assert.equal(await programs(), before_it)
  })

  test('up makes a cloud of it, with a guest that answers', async () => {
    const said = await croft('up')
    assert.match(said, /web UI {4}http/)
    assert.match(said, /password {2}\S{12}/)
    await guestAnswers()
    await croft('doctor')
    assert.equal(await failedUnits(), '')
    assert.match(await must('journalctl', '--no-pager', '-b', '-t', 'croft-agent'), new RegExp(`${name} croft-agent`))
  })

  test('up again changes nothing, and does not show the password again', async () => {
    const running = await mainPids()
    assert.doesNotMatch(await croft('up'), /password/)
    assert.equal(await mainPids(), running)
  })

  test('after a power cut all comes back by itself', async () => {
    await machine.cutPower()
    await machine.switchOn()
    const knock = 'until timeout 2 sh -c "cd /root/croft && ./croft instance ssh hello -- true"; do sleep 1; done'
    await must('timeout', '180', 'sh', '-c', knock)
    await guestAnswers()
    assert.equal(await failedUnits(), '')
  })

  test('down keeps the guest running, and up finds it again', async () => {
    const guest = await must('pidof', 'qemu-system-x86_64')
    await croft('down')
    assert.equal(await must('pidof', 'qemu-system-x86_64'), guest)
    await croft('up')
    assert.equal(await must('pidof', 'qemu-system-x86_64'), guest)
    await guestAnswers()
  })
})
