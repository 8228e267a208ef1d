/** The client as it is in Node: over node:http, with a certificate authority of one's own, and with consoles. */
import { type ApiClient, type CallOptions, clientOver, event_silence_ms, type Server } from './client.ts'
import type { Fetch } from './fetch.ts'
import { nodeFetch } from './transport.ts'

export interface ClientOptions extends Server {
  /** Trusted for https in place of the system's certificate authorities. */
  ca_pem?: string | undefined
  /** In place of the client's own transport; then ca_pem is without effect on calls. */
  fetch?: Fetch | undefined
}

export interface Client extends ApiClient {
  /** Opens the WebSocket of a console ticket's `url`; it carries the serial port's bytes both ways. */
  console(path: string, options?: Pick<CallOptions, 'signal'> & { hears?: boolean }): Promise<import('ws').WebSocket>
}

export function createClient(options: ClientOptions): Client {
  const ca = options.ca_pem === undefined ? {} : { ca_pem: options.ca_pem }
  const client = clientOver(options, {
    calls: options.fetch ?? nodeFetch(ca),
    events: options.fetch ?? nodeFetch({ ...ca, silence_max_ms: event_silence_ms }),
  })
  return {
    ...client,
    console: async (path, options) =>
      (await import('./console.ts')).openConsole(client.url + path, { ...ca, ...options }),
  }
}
