/** What a guest's screen becomes, by what was asked for and what its host can do. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { abilitiesOf, possible, socketOf } from '../../../src/agent/drivers/libvirt/graphics.ts'
import { graphicsOf } from '../../../src/model/graphics.ts'

const capabilities = (graphics: string, channels: string | null) =>
  `<domainCapabilities><devices><graphics supported='yes'><enum name='type'>${graphics}</enum></graphics>
  ${channels === null ? '' : `<channel supported='yes'><enum name='type'>${channels}</enum></channel>`}</devices></domainCapabilities>`
const vnc = '<value>vnc</value>'

const video = "<video supported='yes'><enum name='modelType'><value>vga</value><value>virtio</value></enum></video>"

void test('a host can do what its libvirt lists, and a clipboard since libvirt 8.4 and QEMU 6.1', () => {
  const both = capabilities(`${vnc}<value>spice</value>`, '<value>unix</value><value>spicevmc</value>') + video
  const all = { spice: true, clipboard: true, virtio_video: true }
  assert.deepEqual(abilitiesOf(both, { libvirt: '9.0.0', qemu: '7.2.22' }), all)
  const old = { libvirt: '8.0.0', qemu: '6.2.0' }
  const none = { spice: false, clipboard: false, virtio_video: false }
  assert.deepEqual(abilitiesOf(capabilities(vnc, null), old), none)
  assert.equal(abilitiesOf(capabilities(vnc, '<value>qemu-vdagent</value>'), old).clipboard, true)
  assert.equal(abilitiesOf(both, { libvirt: '10.0.0', qemu: '6.0.1' }).clipboard, false)
  assert.deepEqual(abilitiesOf('', old), none)
})

const nothing = { graphics: 'vnc', clipboard: 'none', video_model: 'vga' } as const

void test('a guest has what its host can do, and runs without the rest', () => {
  const all = { spice: true, clipboard: true, virtio_video: true }
  const wanted = { graphics: 'spice', clipboard: 'shared', video_model: 'virtio' } as const
  assert.deepEqual(possible(wanted, all), wanted)
  assert.deepEqual(possible(wanted, { ...all, spice: false }), { ...wanted, graphics: 'vnc' })
  assert.deepEqual(possible(wanted, { ...all, clipboard: false }), wanted, 'SPICE brings its own')
  assert.deepEqual(possible(wanted, { spice: false, clipboard: false, virtio_video: false }), nothing)
  assert.deepEqual(possible({}, all), nothing)
})

void test('the instance’s word goes before the image’s, and unknown words ask for nothing', () => {
  const image = { graphics: 'spice', clipboard: 'shared', video_model: 'virtio' }
  assert.deepEqual(graphicsOf({}, image), image)
  assert.deepEqual(graphicsOf(nothing, image), nothing)
  assert.deepEqual(graphicsOf({}, { graphics: 'x11' }), nothing)
})

void test('the socket of each is found, and a port is none', () => {
  const both = `<graphics type='vnc' socket='/a/vnc.sock'><listen type='socket' socket='/a/vnc.sock'/></graphics>
    <graphics type='spice'>
      <listen type='socket' socket='/a/spice.sock'/>
    </graphics>`
  assert.equal(socketOf(both, 'vnc'), '/a/vnc.sock')
  assert.equal(socketOf(both, 'spice'), '/a/spice.sock')
  const port = `<graphics type='spice' port='5900' autoport='yes' listen='127.0.0.1'/>`
  assert.equal(socketOf(port + both, 'spice'), null)
  assert.equal(socketOf(port, 'vnc'), null)
})
