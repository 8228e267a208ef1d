/**
 * Sockets in another network namespace, against the kernel: they are really in there, nothing that was said early is lost,
 * and what fails says why. Needs root and unshare; its namespace ends with the test.
 */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import net from 'node:net'
import { after, before, describe, test } from 'node:test'
import { listenInNamespace, NamespaceDialer } from '../../../src/lib/netns/sockets.ts'

let holder: ChildProcess
let path: string
let dialer: NamespaceDialer

describe('netns/sockets', () => {
  before(async () => {
    // Ends by itself when its input closes, so also when this process is killed.
    holder = spawn('unshare', ['--net', 'sh', '-c', 'ip link set lo up && echo ready && exec cat'], {
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    assert.ok(holder.stdout)
    await once(holder.stdout, 'data')
    path = `/proc/${holder.pid}/ns/net`
    dialer = new NamespaceDialer(path)
  })
  after(() => {
    dialer.close()
    holder.stdin?.end()
  })

  test('a server listens inside only, and sees who calls', async () => {
    const server = await listenInNamespace(path, '127.0.0.1', 8080)
    server.on('connection', socket => socket.end(`hello ${socket.remoteAddress}`))
    const socket = await dialer.connect('127.0.0.1', 8080)
    assert.equal(await read(socket), 'hello 127.0.0.1')
    await assert.rejects(once(net.connect(8080, '127.0.0.1'), 'connect'), { code: 'ECONNREFUSED' })
    await assert.rejects(listenInNamespace(path, '127.0.0.1', 8080), { code: 'EADDRINUSE' })
    server.close()
    await once(server, 'close')
    await assert.rejects(dialer.connect('127.0.0.1', 8080), { code: 'ECONNREFUSED' })
  })

  test('many connections at once keep what each side said first', async () => {
    const server = await listenInNamespace(path, '127.0.0.1', 8081)
    server.on('connection', socket => {
      socket.write('banner ')
      socket.pipe(socket)
    })
    const answers = await Promise.all(
      Array.from({ length: 50 }, async (_, i) => {
        const socket = await dialer.connect('127.0.0.1', 8081)
        socket.end(`from ${i}`)
        return await read(socket)
      }),
    )
    assert.deepEqual(
      answers,
      answers.map((_, i) => `banner from ${i}`),
    )
    server.close()
  })

  test('an address that is not there, and a namespace that is not there, are named', async () => {
    await assert.rejects(listenInNamespace(path, '192.0.2.1', 80), { code: 'EADDRNOTAVAIL' })
    await assert.rejects(listenInNamespace('/run/netns/no-such', '127.0.0.1', 80), {
      code: 'EHELPER',
      message: /no-such/,
    })
  })

  async function read(socket: net.Socket): Promise<string> {
    let text = ''
    for await (const chunk of socket.setEncoding('utf8')) text += String(chunk)
    return text
  }
})
