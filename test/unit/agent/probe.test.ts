/** Whether another machine lives: a service, a machine without one, nothing. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { test } from 'node:test'
import { probeByTcp } from '../../../src/agent/probe.ts'

/** No machine's address, so that nothing is ever sent there. */
const nowhere = '255.255.255.255'

test('a service, a machine that refuses, and nothing are told from each other', async () => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const asked = { address: '127.0.0.1', ports: [port], timeout_ms: 500 }
  assert.deepEqual(await probeByTcp(asked), { reached: 'service' })
  server.close()
  await once(server, 'close')
  assert.deepEqual(await probeByTcp(asked), { reached: 'machine' })
  assert.deepEqual(await probeByTcp({ address: nowhere, ports: [9], timeout_ms: 500 }), { reached: 'none' })
})
