/** A console is a WebSocket that carries bytes, opened once with a ticket. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { type WebSocket, WebSocketServer } from 'ws'
import { watchLine } from '../../../src/sdk/console.ts'
import { ConnectionFailed, createClient } from '../../../src/sdk/index.ts'

test('bytes go both ways; a ticket that is not good is an error in words', async () => {
  const server = new WebSocketServer({
    host: '127.0.0.1',
    port: 0,
    verifyClient: ({ req }, answer) => answer(req.url === '/v1/consoles/good', 403),
  })
  server.on('connection', socket => socket.on('message', data => socket.send(data, { binary: true })))
  await once(server, 'listening')
  const client = createClient({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` })
  try {
    const socket = await client.console('/v1/consoles/good')
    const echoed = once(socket, 'message')
    socket.send(Buffer.from([0, 255, 13]), { binary: true })
    const [data] = (await echoed) as [Buffer]
    assert.deepEqual([...data], [0, 255, 13])
    const closed = once(socket, 'close')
    socket.close()
    await closed
    await assert.rejects(
      client.console('/v1/consoles/bad'),
      (error: unknown) => error instanceof ConnectionFailed && /ticket is not good/.test(error.message),
    )
  } finally {
    server.close()
  }
})

test('a line that is dead is found out, and one that lives is left alone', async () => {
  const server = new WebSocketServer({ host: '127.0.0.1', port: 0 })
  await once(server, 'listening')
  const client = createClient({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` })
  const joined = once(server, 'connection') as Promise<[WebSocket]>
  try {
    const socket = await client.console('/v1/consoles/any')
    const [other] = await joined
    let dead = false
    watchLine(socket, () => (dead = true), { ask_every_ms: 10, answer_ms: 200 })
    for (let n = 0; n < 3; n++) await once(socket, 'pong')
    assert.equal(dead, false)
    // As a host that lost power: it is connected, and answers nothing.
    other.pause()
    const [code] = (await once(socket, 'close')) as [number]
    assert.equal(code, 1006)
    assert.equal(dead, true)
  } finally {
    for (const one of server.clients) one.terminate()
    server.close()
  }
})
