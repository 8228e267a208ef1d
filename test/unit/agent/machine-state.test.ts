/** What machines remember, in folders that stand for a pool and for libvirt's own: which copy counts, where it goes, and what it never overwrites. */
import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { mkdir, rename, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { gzipSync } from 'node:zlib'
import pino from 'pino'
import { createMachineState } from '../../../src/agent/drivers/storage/machine-state.ts'
import type { WantedInstance } from '../../../src/protocol/wanted.ts'
import { uuid, wantedInstance } from './fakes.ts'
import { eventually } from '../../support/eventually.ts'
import { scratch } from '../../support/scratch.ts'

const log = pino({ level: 'silent' })
const one = wantedInstance({ id: uuid(1), hardware: { firmware: 'uefi', tpm: '2.0' } })
const plain = wantedInstance({ id: uuid(2) })

describe('agent/machine-state', () => {
  let work: string
  const made: { close(): void }[] = []
  beforeEach(async () => {
    work = await scratch('croft-machine')
  })
  afterEach(async () => {
    for (const each of made.splice(0)) each.close()
    await rm(work, { recursive: true, force: true })
  })

  function host(n: number, pool = 'pool', arch = 'x86_64') {
    const libvirt_directory = join(work, `libvirt${n}`)
    const of = (name: string, { id }: WantedInstance) => join(work, pool, id, name)
    const working = join(libvirt_directory, 'swtpm', one.id, 'tpm2', 'tpm2-00.permall')
    const options = { libvirt_directory, host_id: uuid(0x100 + n), arch, log, ready: () => Promise.resolve() }
    const state = createMachineState({ directory: join(work, pool), ...options })
    made.push(state)
    return {
      ...state,
      libvirt_directory,
      working,
      pooled: of('tpm2-00.permall', one),
      nvram: of('nvram.fd', one),
      /** As swtpm does. */
      async write(text: string) {
        await mkdir(dirname(working), { recursive: true })
        await writeFile(`${working}.tmp`, text)
        await rename(`${working}.tmp`, working)
      },
    }
  }
  const read = (path: string) => (existsSync(path) ? readFileSync(path, 'utf8') : null)

  test('what a TPM keeps is in the pool as soon as it has written, and another host goes on with it', async () => {
    const [a, b] = [host(1), host(2)]
    await a.prepare(one)
    assert.equal(read(a.pooled), null, 'libvirt makes a new one')
    await a.write('first')
    await a.keep(one, true)
    assert.equal(read(a.pooled), 'first')
    await a.write('second')
    await eventually(() => assert.equal(read(a.pooled), 'second'))
    await b.prepare(one)
    assert.equal(read(b.working), 'second')
    await b.write('third')
    await b.keep(one, true)
    await a.write('late, of a host that was lost')
    await a.keep(one, false)
    assert.equal(read(b.pooled), 'third')
    await a.prepare(one)
    assert.equal(read(a.working), 'third', 'what is of an earlier life does not count')
  })

  test('what the last host had not copied before its agent or power was gone is newer than the pool', async () => {
    const a = host(1)
    await a.prepare(one)
    await a.write('first')
    await a.keep(one, true)
    a.close()
    await a.write('unseen')
    const again = host(1)
    await again.prepare(one)
    assert.deepEqual([read(again.working), read(again.pooled)], ['unseen', 'unseen'])
  })

  test('whoever runs it holds it: after a live move the new host, after a failed one the old', async () => {
    const [a, b] = [host(1), host(2)]
    await a.prepare(one)
    await a.write('there')
    await a.keep(one, true)
    await b.write('of last year')
    await b.expect(one)
    assert.equal(read(b.working), null)
    await b.write('here')
    await b.keep(one, true)
    await a.remove(one.id, true)
    assert.deepEqual([read(a.working), read(b.pooled)], [null, 'here'])
  })

  test('with a cold move to another pool goes all of it, with a live one NVRAM alone', async () => {
    const [a, b] = [host(1, 'mine'), host(2, 'theirs')]
    await a.prepare(one)
    await writeFile(a.nvram, 'variables')
    await a.write('secrets')
    assert.deepEqual(Object.keys(await a.sent(one, 'live')), ['nvram'])
    const sent = await a.sent(one, 'cold')
    await b.expect(one)
    await b.arrived(one, sent)
    await a.remove(one.id, false)
    assert.ok(!existsSync(dirname(a.nvram)) && !existsSync(dirname(dirname(a.working))))
    await b.prepare(one)
    assert.deepEqual([read(b.nvram), read(b.working)], ['variables', 'secrets'])
  })

  test('what a hostile source sends is bounded, and goes nowhere that nothing was wanted', async () => {
    const b = host(2)
    await b.expect(one)
    const bomb = gzipSync(Buffer.alloc(90 * 2 ** 20)).toString('base64')
    for (const bad of [{ nvram: bomb }, { tpm: bomb }, { nvram: 'AAAA' }])
      await assert.rejects(b.arrived(one, bad), /cannot be read/)
    assert.deepEqual([read(b.nvram), read(b.pooled)], [null, null])
    await b.arrived(plain, { nvram: gzipSync('x').toString('base64'), tpm: gzipSync('x').toString('base64') })
    assert.ok(!existsSync(join(work, 'pool', plain.id)))
  })

  test('NVRAM of ARM guests that libvirt kept elsewhere is taken along once', async () => {
    const a = host(1, 'pool', 'aarch64')
    const old = join(a.libvirt_directory, 'qemu', 'nvram', `croft-${plain.id}_VARS.fd`)
    await mkdir(dirname(old), { recursive: true })
    await writeFile(old, 'of before')
    await a.prepare(plain)
    const now = join(work, 'pool', plain.id, 'nvram.fd')
    assert.equal(read(now), 'of before')
    await writeFile(now, 'newer')
    await a.prepare(plain)
    assert.equal(read(now), 'newer')
    await a.remove(plain.id, false)
    assert.ok(!existsSync(old) && !existsSync(now))
  })

  test('a guest with neither leaves nothing anywhere', async () => {
    const a = host(1)
    await a.prepare(plain)
    await a.expect(plain)
    await a.keep(plain, true)
    assert.deepEqual(await a.sent(plain, 'cold'), {})
    await a.remove(plain.id, false)
    assert.ok(!existsSync(join(work, 'pool')))
  })
})
