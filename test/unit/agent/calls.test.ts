/** Streams that an agent dials for a controller: what fails on the way ends that stream alone, and one guest's are bounded. */
import assert from 'node:assert/strict'
import { Duplex } from 'node:stream'
import { test } from 'node:test'
import { createCalls, streamsOfInstanceMax } from '../../../src/agent/calls.ts'
import { fakeHost, fakeHypervisor, quiet, settle, uuid, wantedInstance } from './fakes.ts'

const idle = () => new Duplex({ read() {}, write: (_chunk, _encoding, done) => done() })

function agent() {
  const dials: PromiseWithResolvers<Duplex>[] = []
  const screens: Duplex[] = []
  const instances = new Map([1, 2].map(n => [uuid(n), wantedInstance({ id: uuid(n) })]))
  const calls = createCalls({
    hypervisor: {
      ...fakeHypervisor(fakeHost()),
      openGraphics: () => {
        const screen = idle()
        screens.push(screen)
        return Promise.resolve(screen)
      },
    },
    dialler: {
      urls: [],
      dial: () => Promise.reject(new Error('no link here')),
      stream: () => {
        const dial = Promise.withResolvers<Duplex>()
        dials.push(dial)
        return dial.promise
      },
    },
    instances,
    isOff: () => false,
    probe: () => Promise.resolve({ reached: 'none' }),
    log: quiet,
  })
  const open = (n: number) =>
    calls.answer({ method: 'stream', kind: 'graphics', instance_id: uuid(n), url: 'wss://c', token: 't' })
  return { calls, dials, screens, open }
}

void test('a screen that breaks while its stream is being dialled ends that stream, not the agent', async () => {
  const { dials, screens, open } = agent()
  const answer = open(1)
  await settle()
  // As QEMU's socket does when QEMU is killed.
  screens[0]?.destroy(Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' }))
  await settle()
  const socket = idle()
  dials[0]?.resolve(socket)
  await answer
  await settle()
  assert.equal(socket.destroyed, true)
})

void test('one guest’s viewers cannot take all the streams of its host', async () => {
  const { dials, open, calls } = agent()
  const opened = Array.from({ length: streamsOfInstanceMax }, () => open(1))
  await settle()
  // Those that are only on their way count, too.
  await assert.rejects(open(1), /This instance has \d+ consoles and logs open already/)
  const other = open(2)
  await settle()
  const sockets = dials.map(dial => {
    const socket = idle()
    dial.resolve(socket)
    return socket
  })
  await Promise.all([...opened, other])
  sockets[0]?.destroy()
  await settle()
  const next = open(1)
  await settle()
  dials.at(-1)?.resolve(idle())
  await next
  // One that cannot be dialled leaves no trace.
  sockets[1]?.destroy()
  await settle()
  const failed = open(1)
  await settle()
  dials.at(-1)?.reject(new Error('nobody there'))
  await assert.rejects(failed, /nobody there/)
  const last = open(1)
  await settle()
  dials.at(-1)?.resolve(idle())
  await last
  calls.stop()
})
