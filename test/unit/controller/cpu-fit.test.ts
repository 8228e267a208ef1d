/** Whether a host can give a guest its CPU: by models, by what is beyond and lacking of them, and never by what is not known. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { cpuKey, fitCpu } from '../../../src/controller/scheduler/cpu-fit.ts'
import { place } from '../../../src/controller/scheduler/place.ts'
import type { CpuNames, HostSnapshot, PlacementAsked } from '../../../src/controller/scheduler/snapshot.ts'
import { plainHardware } from '../../../src/model/hardware.ts'

const host: HostSnapshot = {
  id: 'h',
  name: 'h',
  zone_id: 'z',
  cluster_id: 'c',
  answers: true,
  schedulable: true,
  maintenance: false,
  arch: 'x86_64',
  virtualisation: 'kvm',
  pool_id: null,
  cpu_flags: [],
  labels: {},
  aggregates: [],
  vcpus_limit: 4,
  memory_limit_mib: 1000,
  disk_limit_gib: 10,
  vcpus_claimed: 0,
  memory_claimed_mib: 0,
  disk_claimed_gib: 0,
}
const cpu = (model: string, require: string[] = [], disable: string[] = []): CpuNames => ({ model, require, disable })
const lacks = (told: Partial<HostSnapshot>, guest: CpuNames) => fitCpu({ ...host, ...told }, guest).lacks
const hasModel = (told: Partial<HostSnapshot>, guest: CpuNames) => fitCpu({ ...host, ...told }, guest).has_model

test('a model that a host does not name is not there; of one that has told nothing it is not known', () => {
  assert.ok(!hasModel({ cpu_models: ['EPYC'] }, cpu('Nehalem')))
  assert.ok(hasModel({ cpu_models: ['EPYC'] }, cpu('EPYC')))
  assert.ok(hasModel({}, cpu('Nehalem')))
  assert.ok(hasModel({ cpu_models: null, host_cpu: null }, cpu('Nehalem')))
})

test('models are named that can be given whole: a guest that goes without something of one may fit all the same', () => {
  const told = { cpu_models: ['Nehalem'], host_cpu: cpu('Skylake', ['md-clear'], ['hle', 'rtm']) }
  assert.ok(hasModel(told, cpu('Skylake', [], ['hle', 'rtm'])))
  assert.deepEqual(lacks(told, cpu('Skylake', ['md-clear'], ['hle', 'rtm'])), [])
  assert.deepEqual(lacks(told, cpu('Skylake', [], ['hle'])), ['rtm'])
  assert.ok(!hasModel(told, cpu('Skylake')))
})

test('what is beyond the model is compared where both have the same, and not held against who shows it otherwise', () => {
  const told = { cpu_models: ['Nehalem'], host_cpu: cpu('Nehalem', ['aes'], ['mpx']) }
  assert.deepEqual(lacks(told, cpu('Nehalem', ['aes', 'avx'], ['mpx'])), ['avx'])
  assert.deepEqual(lacks({ ...told, cpu_flags: ['sse4_2', 'avx'] }, cpu('Nehalem', ['avx', 'sse4.2'], ['mpx'])), [])
  assert.deepEqual(lacks({ ...told, host_cpu: cpu('Westmere') }, cpu('Nehalem', ['avx'])), [])
  assert.deepEqual(lacks({ ...told, host_cpu: cpu('Westmere', [], ['avx']) }, cpu('Nehalem', ['avx'])), ['avx'])
})

test('of what its cluster gives the host was asked itself', () => {
  const told = { cpu_models: ['EPYC'], host_cpu: cpu('Nehalem') }
  assert.ok(!hasModel({ ...told, cpu_baseline: cpu('Nehalem', ['avx']) }, cpu('Nehalem', ['aes'])))
  const same = { ...told, cpu_baseline: { ...cpu('Nehalem', ['avx', 'aes']), vendor: 'Intel' } }
  assert.deepEqual(fitCpu({ ...host, ...same }, cpu('Nehalem', ['aes', 'avx'])), { has_model: true, lacks: [] })
})

test('what it was asked about it has said itself', () => {
  const guest = cpu('Skylake', ['b', 'a'], ['hle'])
  const told = { cpu_models: ['Skylake'], host_cpu: cpu('Cascadelake') }
  const said = (fits: boolean, missing: string[]) => ({
    ...told,
    cpu_known: [{ key: cpuKey(cpu('Skylake', ['a', 'b'], ['hle'])), fits, missing }],
  })
  assert.deepEqual(lacks(told, guest), [])
  assert.deepEqual(lacks(said(false, ['a']), guest), ['a'])
  assert.deepEqual(fitCpu({ ...host, ...said(false, []) }, guest), { has_model: false, lacks: [] })
  assert.ok(hasModel({ ...said(true, []), cpu_models: [] }, guest))
  assert.deepEqual(lacks(said(false, ['a']), cpu('Skylake', ['a'], ['hle'])), [])
})

test('emulated guests, and those of ARM, have another CPU in any case', () => {
  const told = { cpu_models: ['EPYC'], host_cpu: cpu('EPYC', [], ['avx']) }
  for (const other of [{ virtualisation: 'tcg' }, { arch: 'aarch64' }])
    assert.deepEqual(fitCpu({ ...host, ...told, ...other }, cpu('Nehalem', ['avx'])), { has_model: true, lacks: [] })
})

test('the flavor’s model goes before it, and its words name the model that is missing', () => {
  const asked: PlacementAsked = {
    ...{ vcpus: 1, memory_mib: 1, disk_gib: 1, zone_id: null, host_id: null, arch: null, cpu_flags: [], labels: {} },
    cpu: cpu('Nehalem', ['avx']),
  }
  const why = (told: Partial<HostSnapshot>, more: Partial<PlacementAsked> = {}) =>
    place([{ ...host, ...told }], { ...asked, ...more })[0]?.hosts[0]?.refused
  assert.equal(why({ cpu_models: ['EPYC'] }), 'cannot give guests a CPU of model Nehalem')
  assert.equal(
    why({ cpu_models: ['Nehalem'], host_cpu: cpu('Nehalem') }),
    'has a CPU that lacks avx, which the instance’s has',
  )
  const { cpu: _, ...plain } = asked
  const flavored = { ...plain, hardware: { ...plainHardware, cpu_model: 'Opteron_G5' } }
  const emulated = { virtualisation: 'tcg', cpu_models: ['qemu64'] }
  assert.equal(
    place([{ ...host, ...emulated }], flavored)[0]?.hosts[0]?.refused,
    'cannot give guests a CPU of model Opteron_G5',
  )
  const own = { ...plain, hardware: { ...plainHardware, cpu_model: 'host-passthrough' } }
  assert.equal(place([{ ...host, ...emulated }], own)[0]?.host_id, 'h')
})

test('hosts of one kind are looked at once, and one that has changed anew', () => {
  const guest = cpu('Nehalem', ['avx'])
  const told = { cpu_models: ['Nehalem'], host_cpu: cpu('Nehalem', ['avx']), cpu_flags: [] }
  const one = fitCpu({ ...host, ...told, id: '1' }, guest)
  assert.deepEqual(one.lacks, [])
  assert.equal(fitCpu({ ...host, ...told, id: '2' }, guest), one)
  assert.deepEqual(fitCpu({ ...host, ...told, host_cpu: cpu('Nehalem') }, guest).lacks, ['avx'])
  assert.deepEqual(fitCpu({ ...host, ...told, virtualisation: 'tcg' }, guest).lacks, [])
})
