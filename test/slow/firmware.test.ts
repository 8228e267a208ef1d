/** An instance with UEFI and a TPM on two whole hosts, through the API: what its firmware and TPM remember outlives stops, a live and a cold move. */
import assert from 'node:assert/strict'
import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { instanceMoveRoutes } from '../../src/api/migration.ts'
import { scratch } from '../support/scratch.ts'
import { tpmIdentity } from '../support/tpm-identity.ts'
import type { Host } from '../lab/bed/bed.ts'
import { isEnded, MovingBed } from '../lab/bed/moving.ts'

let moving: MovingBed
let id = ''

before(async () => {
  moving = await MovingBed.create()
})
after(() => moving?.close())

const name = 'guarded'
const find = (host: Host, file: string) =>
  host.must(['sh', '-c', `find /var/lib/croft -path '*/machine/${id}/${file}' | head -1`])

async function identity(host: Host): Promise<string> {
  const dir = await scratch('croft-lab-tpm')
  try {
    const path = (await find(host, 'tpm2-00.permall')).trim()
    const bytes = Buffer.from(await host.must(['base64', path]), 'base64')
    await writeFile(join(dir, 'state'), bytes)
    return await tpmIdentity(join(dir, 'state'))
  } finally {
    await rm(dir, { recursive: true, force: true })
  }
}

async function remembers(host: Host): Promise<boolean> {
  const path = (await find(host, 'nvram.fd')).trim()
  return (await host.must(['sh', '-c', `tr -d '\\000' <${path} | grep -c KeptByTheGuest || true`])).trim() !== '0'
}

async function move(to: Host): Promise<void> {
  const client = await moving.cloud.client()
  const body = { host_id: moving.idOf(to) }
  const { migration } = await client.call(instanceMoveRoutes.migrate, { params: { instance: id }, body })
  const ended = await moving.until(migration, isEnded, 'ended')
  assert.equal(ended.outcome, 'succeeded', ended.reason ?? '')
}

void test('firmware and TPM are kept over a stop, a move while it runs and one while it is off', async () => {
  const { cloud, alpha, beta, hello } = moving
  const size = ['--vcpus', '1', '--memory-mib', '192', '--disk-gib', '1']
  await cloud.must('flavor', 'create', 'uefi', ...size, '--property', 'firmware=uefi', '--property', 'tpm=2.0')
  await cloud.must(
    'instance',
    'create',
    name,
    '--flavor',
    'uefi',
    '--image',
    String(hello.image),
    '--host',
    'alpha',
    '--wait',
  )
  const made = await cloud.instance(name)
  id = made.id
  assert.deepEqual([made.firmware, made.tpm, made.host], ['uefi', '2.0', 'alpha'])
  const console = await cloud.console(id)
  await console.says(/seconds to skip/, 180_000)
  console.type('\r')
  await console.says(/Shell>/, 60_000)
  for (const letter of 'setvar KeptByTheGuest -guid 11111111-2222-3333-4444-555555555555 -nv -bs =0x4b\r') {
    console.type(letter)
    await console.says(/[^]/)
  }
  console.type('\r')
  await console.says(/Shell>[^]*Shell>/, 60_000)
  console.close()
  const tpm = await identity(alpha)
  assert.ok(await remembers(alpha))
  await move(beta)
  assert.deepEqual([await identity(beta), await remembers(beta), await find(alpha, '*')], [tpm, true, ''])
  await cloud.must('instance', 'stop', name, '--wait')
  await move(alpha)
  await cloud.must('instance', 'start', name, '--wait')
  assert.deepEqual([await identity(alpha), await remembers(alpha), await find(beta, '*')], [tpm, true, ''])
  await cloud.must('instance', 'delete', name, '--purge', '--wait')
  assert.equal(await find(alpha, '*'), '')
})
