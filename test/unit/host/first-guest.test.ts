/** What `croft up` says of a first guest that does not run, against a small server of the test's own. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, before, test } from 'node:test'
import { HostError } from '../../../src/host/error.ts'
import { waitRunning } from '../../../src/host/up/first-cloud.ts'
import { createClient } from '../../../src/sdk/node-client.ts'

type Said = { state: string; reason: string | null; step: string | null; wanted_power: string }

let looks = 0
let says: (look: number) => Partial<Said>
const server = http.createServer((request, response) => {
  if (request.url?.startsWith('/v1/event-stream')) {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    return response.flushHeaders()
  }
  response.writeHead(200, { 'content-type': 'application/json' })
  const usual = { id: 'i1', name: 'hello', reason: null, step: null, percent: null, wanted_power: 'running' }
  response.end(JSON.stringify({ ...usual, ...says(++looks) }))
})
before(() => once(server.listen(0, '127.0.0.1'), 'listening'))
after(() => server.closeAllConnections())
after(() => server.close())

function wait(said: typeof says, within_ms: number) {
  looks = 0
  says = said
  const { port } = server.address() as AddressInfo
  return waitRunning(createClient({ url: `http://127.0.0.1:${port}` }), 'i1', () => undefined, within_ms)
}
const refused = (message: RegExp) => (error: unknown) =>
  error instanceof HostError && message.test(error.message) && /croft instance explain hello/.test(error.mend ?? '')

test('one that failed ends the waiting at once, with its reason', async () => {
  const failed = { state: 'error', reason: 'The disk is full.' }
  await assert.rejects(
    wait(() => failed, 60_000),
    refused(/^the first guest failed: The disk is full\.$/),
  )
  assert.equal(looks, 1)
})

test('after the time the last word on it is told, also where no event told of it', async () => {
  const late = (state: string) => (look: number) =>
    look === 1 ? { state: 'starting' } : { state, reason: 'So it is.' }
  await assert.rejects(wait(late('error'), 50), refused(/^the first guest failed: So it is\.$/))
  const unknown = /^the first guest does not run after 0\.05 s, it is unknown: So it is\.$/
  await assert.rejects(wait(late('unknown'), 50), refused(unknown))
  const fetching = () => ({ state: 'starting', step: 'fetching the image' })
  await assert.rejects(wait(fetching, 50), refused(/after 0\.05 s, it is starting \(fetching the image\)$/))
  assert.equal((await wait(late('running'), 50)).state, 'running')
})
