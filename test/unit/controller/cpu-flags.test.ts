/** CPU flags that a flavor asks for, by libvirt's names or the kernel's, and what a refusal says of those that no host has. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { noRoom } from '../../../src/controller/app/placement-told.ts'
import { place } from '../../../src/controller/scheduler/place.ts'
import type { HostSnapshot, PlacementAsked } from '../../../src/controller/scheduler/snapshot.ts'
import { libvirtFlag, missingFlags } from '../../../src/model/cpu-flags.ts'

/** As the kernel of a host writes them. */
const kernel = [
  'pclmulqdq',
  'tsc_deadline_timer',
  'nonstop_tsc',
  'ibrs',
  'sse4_1',
  'avx512_vnni',
  'md_clear',
  'dts',
  'cqm',
]

test('libvirt’s names are known by the kernel’s, and the kernel’s by themselves', () => {
  for (const flag of [
    'tsc-deadline',
    'pclmuldq',
    'spec-ctrl',
    'invtsc',
    'sse4.1',
    'avx512vnni',
    'md-clear',
    'ds',
    'cmt',
  ])
    assert.deepEqual(missingFlags(kernel, [flag]), [], flag)
  assert.deepEqual(missingFlags(kernel, kernel), [])
  assert.deepEqual(missingFlags(kernel, ['avx2', 'tsc-deadline', 'ssbd']), ['avx2', 'ssbd'])
  assert.deepEqual(
    missingFlags(['tsc-deadline'], ['tsc_deadline_timer']),
    [],
    'what libvirt says of the host counts, too',
  )
})

test('libvirt is told its own names, and what is not known as it was written', () => {
  for (const [flag, name] of [
    ['tsc_deadline_timer', 'tsc-deadline'],
    ['cqm_mbm_total', 'mbm_total'],
    ['avx512_vpopcntdq', 'avx512-vpopcntdq'],
    ['ibrs', 'ibrs'],
    ['spec_ctrl', 'spec-ctrl'],
    ['vmx-apicv-xapic', 'vmx-apicv-xapic'],
    ['avx2', 'avx2'],
  ] as const) {
    assert.equal(libvirtFlag(flag), name)
    assert.equal(libvirtFlag(name), name)
  }
})

const some: HostSnapshot = {
  ...{ id: 'a', name: 'h1', zone_id: 'z', cluster_id: 'c', answers: true, schedulable: true, maintenance: false },
  ...{ arch: 'x86_64', virtualisation: 'kvm', pool_id: null, cpu_flags: kernel, labels: {}, aggregates: [] },
  ...{ vcpus_limit: 8, memory_limit_mib: 8, disk_limit_gib: 8 },
  ...{ vcpus_claimed: 0, memory_claimed_mib: 0, disk_claimed_gib: 0 },
}
const hosts = [some, { ...some, id: 'b', name: 'h2', cpu_flags: [...kernel, 'avx2'] }]
const asking = (...cpu_flags: string[]): PlacementAsked => ({
  ...{ vcpus: 1, memory_mib: 1, disk_gib: 1, zone_id: null, host_id: null, arch: null, labels: {} },
  cpu_flags,
})
const said = (asked: PlacementAsked) =>
  noRoom({ caller: null, instance_id: null, asked, count: 1 }, place(hosts, asked)).sentence

test('a host that has the flag under another name takes the instance', () => {
  assert.equal(place(hosts, asking('tsc-deadline', 'pclmuldq', 'spec-ctrl', 'invtsc'))[0]?.host_id, 'a')
  assert.equal(place(hosts, asking('avx2'))[0]?.host_id, 'b')
})

test('a flag that no host has is called that, with how flags are named', () => {
  const sentence = said(asking('tscdl', 'avx2'))
  assert.match(
    sentence,
    /No host has the CPU flag tscdl\. Unless that is mistyped \(flags have libvirt’s names.* or the kernel’s.*\), add a host that has it\./,
  )
  assert.doesNotMatch(sentence, /No host has .*avx2/)
  assert.match(said(asking('tscdl', 'nope')), /No host has the CPU flags tscdl and nope\. Unless those are mistyped/)
  assert.doesNotMatch(said(asking('avx512f')), /not known/, 'a good flag that no host happens to have')
})

test('nothing is said of names where each flag is had somewhere', () => {
  const rare = { ...asking('avx2'), vcpus: 9 }
  assert.doesNotMatch(said(rare), /mistyped/)
})
