/**
 * Guests with UEFI and a TPM between two hosts with real libvirt, OVMF and swtpm: what firmware and TPM remember is there after every
 * stop and move, wherever the guest is started, and nothing of it after its purge. The guest is the firmware's own shell.
 */
import assert from 'node:assert/strict'
import { chmod, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import type { WebSocket } from 'ws'
import type { WantedInstance } from '../../../src/protocol/wanted.ts'
import { eventually } from '../../support/eventually.ts'
import { tpmIdentity } from '../../support/tpm-identity.ts'
import { Drive, guest, type TestHost, TwoHosts } from './two-agents.ts'

const machine = { memory_mib: 192, hardware: { firmware: 'uefi', tpm: '2.0' } } as const
const stateOf = (host: TestHost, { id }: WantedInstance, file: string) => join(host.dir, 'pool', 'machine', id, file)
/** What its TPM writes is copied to the pool a little after. */
const identity = (host: TestHost, one: WantedInstance) =>
  eventually(() => tpmIdentity(stateOf(host, one, 'tpm2-00.permall')))

async function is(host: TestHost, one: WantedInstance): Promise<void> {
  const { power, generation } = one
  host.controller.want(true, [one])
  const report = await host.controller.report(
    one.id,
    each => (each.applied_generation === generation && each.power === power) || each.failure !== null,
  )
  assert.equal(report.failure, null)
}

async function moves(one: WantedInstance, from: TestHost, to: TestHost, kind: 'live' | 'cold', copies: boolean) {
  const copied_volumes = copies ? one.disks.map(disk => disk.volume_id) : []
  const { outcome, told } = await new Drive(one, from, to, { kind, copied_volumes }).ended
  assert.equal(outcome, 'moved', told.reason ?? '')
}

/** Firmware's shell on the serial console, where it draws each letter at its place: only what is drawn in one piece can be waited for. */
class Shell {
  readonly #socket: WebSocket
  #said = ''
  #look: () => void = () => undefined

  constructor(socket: WebSocket) {
    this.#socket = socket
    socket.on('message', data => {
      this.#said += (data as Buffer).toString('latin1')
      this.#look()
    })
  }

  async says(pattern: RegExp): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const late = () => reject(new Error(`not ${pattern} in ${JSON.stringify(this.#said.slice(-1500))}`))
    const timer = setTimeout(late, 150_000)
    this.#look = () => pattern.test(this.#said) && resolve()
    this.#look()
    await promise.finally(() => clearTimeout(timer))
  }

  /** Letter by letter, each when the one before is there: the UART keeps sixteen. */
  async type(line: string): Promise<void> {
    for (const letter of `${line}\r`) {
      const before = this.#said.length
      this.#socket.send(Buffer.from(letter))
      const { promise, resolve } = Promise.withResolvers<void>()
      this.#look = () => this.#said.length > before && resolve()
      this.#look()
      await promise
    }
  }

  close(): void {
    this.#socket.close()
  }
}

async function shellOf(host: TestHost, one: WantedInstance): Promise<Shell> {
  const shell = new Shell(await host.console(one.id))
  await shell.says(/seconds to skip/)
  await shell.type('')
  return shell
}

describe('agent/firmware', () => {
  let hosts: TwoHosts
  before(async () => {
    hosts = await TwoHosts.start({ daemon: { plain_user: true } })
    const { alpha, beta } = hosts
    for (const dir of [hosts.work, alpha.dir, beta.dir, alpha.daemon.dir, beta.daemon.dir]) await chmod(dir, 0o755)
  })
  after(() => hosts?.stop())

  test('NVRAM and TPM go with a guest, live and cold, and are there when it is started', async () => {
    const { alpha, beta } = hosts
    const one = guest(1, machine)
    await is(alpha, one)
    const shell = await shellOf(alpha, one)
    await shell.type('setvar Kept -guid 11111111-2222-3333-4444-555555555555 -nv -bs =0x4b')
    await shell.type('setvar Kept -guid 11111111-2222-3333-4444-555555555555')
    await shell.says(/4B/)
    shell.close()
    const kept = async (host: TestHost) => (await readFile(stateOf(host, one, 'nvram.fd'))).includes('K\0e\0p\0t\0')
    assert.ok(await kept(alpha))
    const tpm = await identity(alpha, one)
    await moves(one, alpha, beta, 'live', true)
    assert.deepEqual([await kept(beta), await identity(beta, one)], [true, tpm])
    const off: WantedInstance = { ...one, generation: 2, power: 'stopped', stop_timeout_s: 1 }
    await is(beta, off)
    await beta.killAgent('SIGTERM')
    await beta.startAgent()
    await moves(off, beta, alpha, 'cold', true)
    await is(alpha, { ...one, generation: 3 })
    const again = await shellOf(alpha, one)
    await again.type('setvar Kept -guid 11111111-2222-3333-4444-555555555555')
    await again.says(/4B/)
    again.close()
    assert.equal(await identity(alpha, one), tpm)
    assert.deepEqual(await beta.traces(), [])
    alpha.controller.want(true, [{ ...one, generation: 4, power: 'purged' }])
    await alpha.controller.report(one.id, each => each.power === 'absent')
    const left = [...(await alpha.traces()), await alpha.daemon.exec('ls', ['/var/lib/libvirt/swtpm'])]
    assert.deepEqual(
      left.filter(name => /machine|volumes/.test(name) || name.includes(one.id)),
      left.filter(name => /^state\/(wanted|done)/.test(name)),
    )
  })

  test('secure boot: with Microsoft’s keys, and memory that the guest cannot reach', async () => {
    const { alpha } = hosts
    const one = guest(2, { ...machine, hardware: { ...machine.hardware, secure_boot: true } })
    await is(alpha, one)
    const xml = await alpha.daemon.exec('virsh', ['dumpxml', one.id])
    assert.match(xml, /<loader readonly='yes' secure='yes' type='pflash'>[^<]*OVMF/)
    assert.match(xml, /<smm state='on'/)
    const nvram = await readFile(stateOf(alpha, one, 'nvram.fd'))
    assert.ok(nvram.includes('Microsoft Corporation UEFI CA 2011'))
  })
})

describe('agent/firmware-shared', () => {
  let hosts: TwoHosts
  before(async () => {
    hosts = await TwoHosts.start({ shared: true })
  })
  after(() => hosts?.stop())

  test('in a pool of both hosts: moved live, and started elsewhere when its host is lost', async () => {
    const { alpha, beta } = hosts
    const one = guest(1, machine)
    await is(alpha, one)
    const tpm = await identity(alpha, one)
    const nvram = stateOf(alpha, one, 'nvram.fd')
    const { ino } = await stat(nvram)
    await moves(one, alpha, beta, 'live', false)
    assert.equal(await identity(alpha, one), tpm)
    // As if its power were cut: neither its agent nor libvirt can do anything.
    await beta.killAgent('SIGKILL')
    await beta.daemon.exec('sh', ['-c', `kill -9 $(cat /run/libvirt/qemu/croft-${one.id}.pid)`])
    await is(alpha, { ...one, generation: 2 })
    assert.equal(await tpmIdentity(join(alpha.daemon.dir, 'lib', 'swtpm', one.id, 'tpm2', 'tpm2-00.permall')), tpm)
    assert.equal(await readFile(stateOf(alpha, one, 'holder'), 'utf8'), alpha.controller.host_id)
    assert.equal((await stat(nvram)).ino, ino, 'the same file, and none made anew')
  })
})
