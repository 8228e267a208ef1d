/** Tables and values as people see them. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { renderFields } from '../../../src/cli/fields.ts'
import { age, cell, heading, size } from '../../../src/cli/format.ts'
import { renderTable } from '../../../src/cli/table.ts'

const now_ms = Date.parse('2026-01-10T00:00:00Z')
const look = { width: undefined, color: false, now_ms }

test('values carry the unit that their name says', () => {
  assert.equal(cell('memory_mib', 1536, now_ms), '1.5 GiB')
  assert.equal(cell('memory_mib', 512, now_ms), '512 MiB')
  assert.equal(cell('size_bytes', 16_252_928, now_ms), '15.5 MiB')
  assert.equal(size(0, 'B'), '0 B')
  assert.equal(cell('vcpus', 4, now_ms), '4')
  assert.equal(cell('dhcp', true, now_ms), 'yes')
  assert.equal(cell('detail', { name: 'mine.js', failure: 'no\nrack' }, now_ms), 'name=mine.js failure="no rack"')
  assert.equal(cell('detail', {}, now_ms), '-')
  assert.equal(cell('gateway', null, now_ms), '-')
  assert.equal(cell('dns', [], now_ms), '-')
  assert.equal(
    cell(
      'addresses',
      [
        { address: '10.0.0.5', floating_address: '172.31.0.9' },
        { address: '::1', floating_address: null },
      ],
      now_ms,
    ),
    '10.0.0.5 (172.31.0.9), ::1',
  )
  assert.equal(cell('reason', 'one\ntwo', now_ms), 'one two')
  const obstacles = [{ instance_id: 'i', instance: 'web', reason: 'no room', attempts: 1, since: 't', again_at: 't' }]
  assert.equal(cell('obstacles', obstacles, now_ms), 'web: no room')
})

test('ages', () => {
  assert.equal(age('2026-01-09T23:59:30Z', now_ms), '30 s')
  assert.equal(age('2026-01-09T22:30:00Z', now_ms), '90 min')
  assert.equal(age('2026-01-08T12:00:00Z', now_ms), '36 h')
  assert.equal(age('2025-12-31T00:00:00Z', now_ms), '10 d')
  assert.equal(age('2026-01-10T01:00:00Z', now_ms), 'in 60 min')
  assert.equal(heading('created_at'), 'AGE')
  assert.equal(heading('memory_mib'), 'MEMORY')
})

test('elsewhere than on a terminal a table leaves nothing out', () => {
  const rows = [
    { name: 'web', state: 'running', vcpus: 2, id: 'a'.repeat(36) },
    { name: 'a'.repeat(100), state: 'error', vcpus: 16, id: 'b'.repeat(36) },
  ]
  const [head, first, second] = renderTable(['name', 'state', 'vcpus', 'id'], rows, look).split('\n')
  assert.match(head ?? '', /^NAME {98}STATE {4}VCPUS {2}ID$/)
  assert.match(first ?? '', /^web {99}running {6}2 {2}a{36}$/)
  assert.match(second ?? '', /^a{100} {2}error {7}16 {2}b{36}$/)
})

test('on a terminal a table fits its width, and ids stay whole', () => {
  const rows = [{ name: 'n'.repeat(80), state: 'running', id: 'a'.repeat(36) }]
  const lines = renderTable(['name', 'state', 'id'], rows, { ...look, width: 80 })
    .trimEnd()
    .split('\n')
  for (const line of lines) assert.ok(line.length <= 80, line)
  assert.match(lines[1] ?? '', /^n+… {2}running {2}a{36}$/)
})

test('one thing, a line a field', () => {
  const text = renderFields({ id: 'x', tags: { a: 'b' }, addresses: [{ address: '1' }, { address: '2' }] }, look)
  assert.equal(text, 'id         x\ntags       a=b\naddresses  1\n           2\n')
})

test('what is in a thing is taken apart below its name, and never told as JSON', () => {
  const host = {
    name: 'h1',
    labels: { gateway: 'true', rack: '1' },
    facts: {
      arch: 'x86_64',
      memory_mib: 32_768,
      cpu_flags: ['sse4_2', 'avx'],
      numa: [
        { node: 0, cpus: [0, 1, 2, 3, 8], memory_mib: 16_384, huge_pages: [{ size_kib: 2048, total: 9 }] },
        { node: 1, cpus: [4, 5, 6, 7, 12], memory_mib: 16_384, huge_pages: [] },
      ],
      thread_siblings: [
        [0, 8],
        [4, 12],
      ],
      nics: [{ name: 'eth0', mac: '02:00:00:00:00:01', mtu: 1500, speed_mbps: null }],
      host_cpu: { model: 'Nehalem', features: [{ name: 'vmx', policy: 'require' }] },
      pci: [],
    },
  }
  const text = renderFields(host, look)
  assert.doesNotMatch(text, /[{}[\]"]/)
  assert.equal(
    text,
    `name    h1
labels  gateway=true rack=1
facts
  arch             x86_64
  memory_mib       32 GiB
  cpu_flags        sse4_2, avx
  numa
    NODE  CPUS     MEMORY  HUGE PAGES
       0  0-3, 8   16 GiB  size_kib=2048 total=9
       1  4-7, 12  16 GiB  -
  thread_siblings  (0, 8), (4, 12)
  nics
    NAME  MAC                 MTU  SPEED MBPS
    eth0  02:00:00:00:00:01  1500  -
  host_cpu
    model     Nehalem
    features
      NAME  POLICY
      vmx   require
  pci              -
`,
  )
})

test('what a thing has by one name stays in a line; a long list goes on below on a terminal alone', () => {
  const tagged = { aggregates: [{ id: 'x', name: 'ssd' }], on_host: { cpus: [2, 3, 4], nodes: [] } }
  assert.equal(renderFields(tagged, look), 'aggregates  ssd\non_host\n  cpus   2-4\n  nodes  -\n')
  const flags = { flags: ['aaaaaaaaaa', 'bbbbbbbbbb', 'cccccccccc'] }
  assert.equal(renderFields(flags, look).split('\n').length, 2)
  assert.equal(renderFields(flags, { ...look, width: 32 }), 'flags  aaaaaaaaaa, bbbbbbbbbb,\n       cccccccccc\n')
})

test('what an event tells of is said from what to what, and when', () => {
  const told = (detail: object) => cell('detail', detail, now_ms)
  assert.equal(told({ changed: { cpu_overcommit: { from: 4, to: 7 } } }), 'cpu_overcommit: 4 → 7')
  assert.equal(
    told({ changed: { labels: { to: { disk: 'ssd' }, from: {} }, schedulable: { from: true, to: false } } }),
    'labels: none → disk=ssd; schedulable: yes → no',
  )
  const opinions = [{ host: 'h2', reached: null, at: '2026-01-09T22:31:00Z' }]
  const back_from = { cause: 'silent', dead_ms: now_ms, fenced_ms: null, opinions: [], fence_attempts: 0 }
  assert.equal(told({ back_from }), 'back_from: cause=silent dead=2026-01-10T00:00:00Z fence_attempts=0')
  assert.equal(told({ back_from: { opinions } }), 'back_from: opinions=(host=h2 at=2026-01-09T22:31:00Z)')
  assert.equal(told({ back_from: null }), 'back_from=none')
  assert.equal(told({ took_ms: 12 }), 'took_ms=12')
})

test('a label is quoted where one would not see where it ends', () => {
  const labels = { 'bad key': '1', rack: 'r 1', 'a=b': 'c', empty: '', plain: 'x=y' }
  assert.equal(renderFields({ labels }, look), 'labels  "bad key"=1 rack="r 1" "a=b"=c empty="" plain=x=y\n')
})
