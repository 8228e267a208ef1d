import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { describe, test } from 'node:test'
import { splice } from '../../../src/agent/peer/splice.ts'

interface Pair {
  /** As the relay has it. */
  near: Socket
  far: Socket
}

async function pair(allowHalfOpen: boolean): Promise<Pair> {
  const server = createServer({ allowHalfOpen })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const far = connect({ port: (server.address() as { port: number }).port, allowHalfOpen: true })
  const [near] = (await once(server, 'connection')) as [Socket]
  server.close()
  for (const socket of [near, far]) socket.on('error', () => socket.destroy())
  return { near, far }
}

function closed(socket: Socket): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error('it stays open')), 5000)
    socket.once('close', () => {
      clearTimeout(timer)
      resolve()
    })
  })
}

describe('two connections made one', () => {
  test('the other process ends between two writes, cleanly: who would write on is cut off, and does not wait for ever', async () => {
    // QEMU's end stays half open, as the relay takes it; the line to the other host does not.
    const [qemu, line] = [await pair(true), await pair(false)]
    splice(qemu.near, line.near)
    qemu.far.write('memory')
    await once(line.far, 'data')
    const cut = closed(qemu.far)
    line.far.end()
    qemu.far.resume()
    await once(qemu.far, 'end')
    // What it wants to say next is for nobody.
    const writing = setInterval(() => qemu.far.write('more'), 5)
    await cut.finally(() => clearInterval(writing))
    assert.ok(qemu.near.destroyed && line.near.destroyed)
  })

  test('what was under way when one side ended comes whole', async () => {
    const [a, b] = [await pair(true), await pair(true)]
    splice(a.near, b.near)
    const bytes = Buffer.alloc(4 * 1024 * 1024, 7)
    const both = Promise.all([closed(a.far), closed(b.far)])
    a.far.end(bytes)
    let got = 0
    b.far.on('data', chunk => (got += chunk.length))
    await once(b.far, 'end')
    assert.equal(got, bytes.length)
    b.far.end('answer')
    const [answer] = (await once(a.far, 'data')) as [Buffer]
    assert.equal(answer.toString(), 'answer')
    a.far.resume()
    await both
  })
})
