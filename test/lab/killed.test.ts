/**
 * Daemons killed at awkward moments, while instances are made, started and stopped: in the end all is as was asked, and the
 * guests that ran all along never notice. Then a power cut, after which the agent brings its guests back by itself.
 */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { type Instance, instanceRoutes } from '../../src/api/instance.ts'
import { type Bed, createBed, type Host } from './bed/bed.ts'
import { Cloud } from './bed/cloud.ts'
import { imageCache } from './bed/image-cache.ts'
import { bootWithoutController, killService, killSupervisor, servicePids } from './bed/services.ts'
import { leftInTheEnd, qemuPids } from './bed/traces.ts'

let bed: Bed
let host: Host
let cloud: Cloud
let hello: Instance
let address = ''
/** Of the guest that runs all along. */
let qemu: string[] = []

before(async () => {
  await imageCache()
  bed = await createBed()
  host = await bed.addHost('alpha')
  cloud = new Cloud(host)
  await cloud.must('up')
  hello = await cloud.instance('hello')
  address = hello.addresses[0]?.floating_address ?? ''
  qemu = await qemuPids(host)
  assert.equal(qemu.length, 1)
})
after(() => bed?.close())

async function create(name: string): Promise<string> {
  const client = await cloud.client()
  assert(hello.image_id)
  const body = { name, flavor_id: hello.flavor_id, image_id: hello.image_id }
  const { items } = await client.call(instanceRoutes.create, { body })
  assert(items[0])
  return items[0].id
}

async function act(id: string, move: 'start' | 'stop'): Promise<void> {
  const client = await cloud.client()
  await client.call(instanceRoutes[move], { params: { instance: id }, body: {} })
}

async function purge(id: string): Promise<void> {
  const client = await cloud.client()
  const { addresses } = await client.call(instanceRoutes.get, { params: { instance: id } })
  await cloud.must('instance', 'delete', id, '--purge', '--wait')
  assert.deepEqual(await leftInTheEnd(host, id, addresses[0]?.port_id ?? id), [])
}

async function helloGoesOn(): Promise<void> {
  assert((await qemuPids(host)).includes(qemu[0] ?? ''), 'the first guest is another process now')
  assert.equal(await cloud.mustSsh(address, 'hostname'), 'hello')
}

let pet = ''

void test('the controller killed right after it said yes: the instance is made all the same', async () => {
  pet = await create('pet')
  await killService(host, 'croft-controller')
  await cloud.untilState(pet, 'running')
  await helloGoesOn()
})

void test('PostgreSQL killed while an instance stops', async () => {
  await act(pet, 'stop')
  await killService(host, 'croft-postgres')
  await cloud.untilState(pet, 'stopped')
  await helloGoesOn()
})

void test('the agent killed while an instance starts', async () => {
  await act(pet, 'start')
  await killService(host, 'croft-agent')
  await cloud.untilState(pet, 'running')
  await cloud.logged(pet, /TINY READY hostname=pet .*boots=2 /)
  await helloGoesOn()
})

void test('libvirtd killed while an instance is made: one domain comes of it, and its purge leaves nothing', async () => {
  const id = await create('brief')
  await killService(host, 'croft-libvirtd')
  await cloud.untilState(id, 'running')
  assert.equal((await qemuPids(host)).length, 3)
  await purge(id)
  await helloGoesOn()
})

void test('Open vSwitch and OVN killed: the guest is reached again', async () => {
  for (const name of ['croft-ovs-vswitchd', 'croft-ovsdb', 'croft-ovn-controller', 'croft-ovn-northd', 'croft-ovn-nb'])
    await killService(host, name)
  await helloGoesOn()
})

void test('the supervisor killed, and with it nobody: the next up takes all of them over', async () => {
  const before = await servicePids(host)
  await killSupervisor(host)
  await cloud.must('up')
  assert.deepEqual(await servicePids(host), before)
  await killService(host, 'croft-agent')
  await act(pet, 'stop')
  await cloud.untilState(pet, 'stopped')
  await helloGoesOn()
})

void test('after a power cut guests come back without a controller, but for the one that was stopped', async () => {
  await host.powerCut()
  await host.powerOn()
  await bootWithoutController(host)
  assert.equal(await cloud.mustSsh(address, 'hostname'), 'hello')
  assert.equal((await qemuPids(host)).length, 1)
  assert.equal((await host.exec(['ss', '-Hltn', 'sport', '=', ':7070'])).stdout, '', 'there is no controller')
})

void test('and the controller, once it is back, finds all as it is', async () => {
  qemu = await qemuPids(host)
  await cloud.must('up')
  await cloud.untilState(hello.id, 'running')
  await cloud.untilState(pet, 'stopped')
  await helloGoesOn()
  await act(pet, 'start')
  await cloud.untilState(pet, 'running')
  await purge(pet)
})
