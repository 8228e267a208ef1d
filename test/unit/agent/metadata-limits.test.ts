import assert from 'node:assert/strict'
import { once } from 'node:events'
import net, { type AddressInfo } from 'node:net'
import { test } from 'node:test'
import { createMetadataService } from '../../../src/agent/drivers/guest/metadata-service.ts'
import { manualClock, quiet, uuid } from './fakes.ts'

async function service() {
  const clock = manualClock()
  const listener = net.createServer()
  createMetadataService({ instances: new Map(), clock, log: quiet }).attach(uuid(100), listener)
  await once(listener.listen(0, '127.0.0.1'), 'listening')
  const { port } = listener.address() as AddressInfo
  const open = async () => {
    const socket = net.connect({ port, host: '127.0.0.1' })
    socket.on('error', () => undefined).resume()
    await once(socket, 'connect')
    return socket
  }
  return { clock, listener, open }
}

test('a guest that opens connections and says nothing holds few of them, and not for long', async () => {
  const { clock, listener, open } = await service()
  const sockets = await Promise.all(Array.from({ length: 32 }, open))
  const refused = await open()
  await once(refused, 'close')
  const slow = sockets[0]
  slow?.write('GET /openstack HTTP/1.1\r\n')
  const closed = Promise.all(sockets.map(socket => once(socket, 'close')))
  await clock.advance(30_000)
  assert.ok(
    sockets.every(socket => !socket.destroyed),
    'they have their time',
  )
  await clock.advance(30_000)
  await closed
  const again = await open()
  again.write('GET / HTTP/1.1\r\nhost: 169.254.169.254\r\n\r\n')
  const [answer] = (await once(again, 'data')) as [Buffer]
  assert.match(answer.toString(), /^HTTP\/1.1 404 /)
  again.destroy()
  listener.close()
  await once(listener, 'close')
})
