/**
 * The one way out of a machine of a test, whose network is its own: an HTTP proxy for apt and npm, to the hosts that this
 * machine's own apt and npm are set up for, and to no others.
 * Not its job: machines that reach their sources through a proxy themselves.
 */
import http from 'node:http'
import net from 'node:net'
import { runOk } from '../../../src/lib/process.ts'

export class WayOut implements AsyncDisposable {
  readonly #server: http.Server
  readonly #hosts: ReadonlySet<string>
  /** Of tunnels, which the server has given away: it waits for them, and closes none. */
  readonly #tunnels = new Set<net.Socket>()

  private constructor(hosts: ReadonlySet<string>) {
    this.#hosts = hosts
    this.#server = http.createServer((request, response) => this.#get(request, response))
    this.#server.on('connect', (request: http.IncomingMessage, client: net.Socket) => this.#tunnel(request, client))
  }

  /** Listens on a Unix socket, which is reached from any network namespace. `sources`: lines of sources.list(5). */
  static async open(socket: string, sources: readonly string[]): Promise<WayOut> {
    const registry = (await runOk(['npm', 'config', 'get', 'registry'])).trim()
    const urls = [...sources.flatMap(line => line.split(' ')), registry].filter(url => /^https?:/.test(url))
    const out = new WayOut(new Set(urls.map(url => new URL(url).hostname)))
    await new Promise<void>(resolve => out.#server.listen(socket, resolve))
    return out
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections()
    for (const client of this.#tunnels) client.destroy()
    await new Promise(resolve => this.#server.close(resolve))
  }

  #get(request: http.IncomingMessage, response: http.ServerResponse): void {
    const url = request.url ?? ''
    const fail = (status: number) => void response.writeHead(status).end()
    if (!URL.canParse(url) || !this.#hosts.has(new URL(url).hostname) || request.method !== 'GET') return fail(403)
    const { 'proxy-connection': _, ...headers } = request.headers
    http
      .get(url, { headers }, answer => {
        response.writeHead(answer.statusCode ?? 502, answer.headers)
        answer.pipe(response)
      })
      .on('error', () => (response.headersSent ? response.destroy() : fail(502)))
  }

  #tunnel(request: http.IncomingMessage, client: net.Socket): void {
    const [host = '', port = ''] = (request.url ?? '').split(':')
    this.#tunnels.add(client)
    client.once('close', () => this.#tunnels.delete(client))
    client.on('error', () => client.destroy())
    if (!this.#hosts.has(host)) return void client.end('HTTP/1.1 403 Forbidden\r\n\r\n')
    const server = net.connect(Number(port), host, () => {
      client.write('HTTP/1.1 200 OK\r\n\r\n')
      server.pipe(client).pipe(server)
    })
    server.on('error', () => server.destroy())
    // What one end has said last has been taken by then; what the other would still say, nobody hears.
    client.once('close', () => server.destroy())
    server.once('close', () => client.destroySoon())
  }
}
