/** The connection against peers that misbehave, on loopback: nothing hangs, nothing is taken for what it is not. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import net from 'node:net'
import test from 'node:test'
import { Connection } from '../../../src/lib/ovsdb/connection.ts'
import { openRemote } from '../../../src/lib/ovsdb/remote.ts'

async function withPeer(
  peer: (socket: net.Socket) => void,
  body: (connection: Connection, closed: Promise<Error>) => Promise<void>,
  inactivity_probe_ms = 0,
): Promise<void> {
  const server = net.createServer(peer).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as net.AddressInfo
  const closed = Promise.withResolvers<Error>()
  const stream = await openRemote(`tcp:127.0.0.1:${port}`, { timeout_ms: 1000 })
  const connection = new Connection(stream, {
    limits: { max_bytes: 10_000, max_depth: 20 },
    inactivity_probe_ms,
    onNotification: () => undefined,
    onClose: closed.resolve,
  })
  try {
    await body(connection, closed.promise)
  } finally {
    connection.close(new Error('end of test'))
    server.close()
  }
}

void test('an echo is answered, an unknown request refused, an error answer rejects its request', async () => {
  const seen: string[] = []
  const peer = (socket: net.Socket) =>
    socket.on('data', data => {
      seen.push(String(data))
      if (seen.length === 1)
        socket.write('{"id":"e","method":"echo","params":["x"]}{"id":9,"method":"reboot","params":[]}')
      if (seen.join('').includes('unknown method'))
        socket.write('{"id":1,"result":null,"error":{"error":"no","details":"because"}}')
    })
  await withPeer(peer, async connection => {
    await assert.rejects(connection.request('x', []), /x was refused: no: because/)
    assert(seen.join('').includes('{"id":"e","result":["x"],"error":null}'))
  })
})

void test('a silent peer is dropped after two probe intervals, and its requests are rejected', async () => {
  const peer = (socket: net.Socket) => socket.resume()
  await withPeer(
    peer,
    async (connection, closed) => {
      await assert.rejects(connection.request('x', []), /said nothing for 40 ms; the outcome of x is unknown/)
      assert.match((await closed).message, /said nothing/)
    },
    20,
  )
})

void test('rubbish, endless messages and answers to nothing end the connection', async () => {
  const rubbish: [string, RegExp][] = [
    ['SSH-2.0-OpenSSH\r\n', /not OVSDB/],
    ['{"id":77,"result":1,"error":null}', /answered a request that was not made/],
    ['[1,2]', /not an object/],
    [`{"id":"${'x'.repeat(20_000)}`, /longer than 10000 bytes/],
  ]
  for (const [text, reason] of rubbish) {
    const peer = (socket: net.Socket) => socket.on('error', () => undefined).write(text)
    await withPeer(peer, async (_, closed) => assert.match((await closed).message, reason))
  }
})
