/** Who is in the way of a port. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import net, { type AddressInfo } from 'node:net'
import { test } from 'node:test'
import { holderOf, listeningInodes, portProblem } from '../../../src/host/ports.ts'

void test('a port in use is found, with its holder', async () => {
  const server = net.createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  try {
    const problem = await portProblem({ host: '127.0.0.1', port })
    assert.equal(problem?.why, 'is in use')
    assert.match(problem.holder ?? '', new RegExp(`\\(process ${process.pid}\\)$`))
  } finally {
    server.close()
    await once(server, 'close')
  }
  assert.equal(await portProblem({ host: '127.0.0.1', port }), undefined)
  assert.equal(holderOf(port), undefined)
})

void test("an address that is not the machine's is told from one that is taken", async () => {
  assert.equal((await portProblem({ host: '192.0.2.1', port: 7070 }))?.why, 'is not an address of this machine')
})

void test('only listening sockets of that port count', () => {
  const table = [
    '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode',
    '   0: 0100007F:1B9E 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 11 1 0',
    '   1: 0100007F:1B9E 0100007F:9999 01 00000000:00000000 00:00000000 00000000     0        0 22 1 0',
    '   2: 00000000:1B9F 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 33 1 0',
  ].join('\n')
  assert.deepEqual(listeningInodes(table, 0x1b9e), ['11'])
})
