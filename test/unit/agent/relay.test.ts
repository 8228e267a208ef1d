/** The relay process when its agent is gone: what it has to say then is lost, and nothing else. */
import assert from 'node:assert/strict'
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { join } from 'node:path'
import { test } from 'node:test'
import type { RelayOrder } from '../../../src/agent/peer/relay-words.ts'

const program = join(import.meta.dirname, '../../../src/agent/peer/relay-main.ts')

test('what it says to an agent that died a moment ago does not end it with an error', async () => {
  const relay = fork(program, [], { execArgv: [], env: {}, stdio: ['ignore', 'ignore', 'pipe', 'ipc'] })
  const said = text(relay.stderr ?? assert.fail())
  const order: RelayOrder = {
    do: 'dial',
    tls: { key: '', cert: '', ca: '' },
    host: '127.0.0.1',
    port: 9,
    coming: {
      migration: 'm',
      peer_host_id: 'h',
      secret: 's',
      // Which it cannot listen on, and says so.
      sockets: { memory: '/nonexistent/memory', disks: '/nonexistent/disks' },
    },
    owner: { uid: 0, gid: 0 },
  }
  // It finds the order and the end of the channel together, when it has started.
  relay.send(order)
  relay.disconnect()
  const [code] = await once(relay, 'exit')
  assert.equal(await said, '')
  assert.equal(code, 0)
})
