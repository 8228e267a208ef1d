/**
 * The agent's network driver alone, as a program for a test host: takes the driver's options as JSON, then orders over HTTP
 * on 127.0.0.1:9000 (PUT /apply, GET /facts, GET /repairs[/beyond/N], POST /teardown). Its metadata service answers with the network and
 * the guest's address.
 */
import { EventEmitter, once } from 'node:events'
import http from 'node:http'
import { OvsNetwork, type OvsOptions } from '../../src/agent/drivers/ovs/network.ts'
import type { WantedHost, WantedNetwork } from '../../src/protocol/wanted.ts'

export type Order = { readonly host: WantedHost | null; readonly networks: readonly WantedNetwork[] }

const options = JSON.parse(process.argv[2] ?? '{}') as Omit<OvsOptions, 'serveMetadata' | 'wake'>
let last: Order | undefined
let repairs = 0
const repaired = new EventEmitter()

const metadata = (network_id: string) =>
  http.createServer((request, response) => response.end(`${network_id} ${request.socket.remoteAddress}`))

const network = new OvsNetwork({
  ...options,
  serveMetadata(network_id, server) {
    const answers = metadata(network_id)
    server.on('connection', socket => answers.emit('connection', socket))
  },
  wake() {
    if (!last) return
    network.apply(last.host, last.networks).then(
      () => repaired.emit('done', ++repairs),
      (error: unknown) => console.error('apply after a wake-up failed', error),
    )
  },
})

async function obey(request: http.IncomingMessage): Promise<unknown> {
  let text = ''
  for await (const chunk of request.setEncoding('utf8')) text += String(chunk)
  const beyond = /^\/repairs\/beyond\/(\d+)$/.exec(request.url ?? '')?.[1]
  if (beyond !== undefined) {
    while (repairs <= Number(beyond)) await once(repaired, 'done')
    return repairs
  }
  switch (request.url) {
    case '/apply':
      last = JSON.parse(text) as Order
      return await network.apply(last.host, last.networks)
    case '/facts':
      return await network.facts()
    case '/repairs':
      return repairs
    case '/teardown':
      last = undefined
      return await network.teardown()
    default:
      throw new Error(`no such order: ${request.url}`)
  }
}

http
  .createServer((request, response) => {
    obey(request).then(
      result => response.end(JSON.stringify(result ?? null)),
      (error: unknown) => response.writeHead(500).end(error instanceof Error ? error.message : String(error)),
    )
  })
  .listen(9000, '127.0.0.1', () => console.log('listening'))
