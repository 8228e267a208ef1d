/**
 * Opens the stream that an OVSDB remote names, as ovsdb(7) writes them: unix:PATH, tcp:HOST:PORT, ssl:HOST:PORT.
 * An IPv6 address stands in brackets. Not its job: the protocol on it (connection.ts).
 */
import net from 'node:net'
import type { Duplex } from 'node:stream'
import tls from 'node:tls'
import { OvsdbConnectionError, OvsdbError } from './errors.ts'

/** PEM texts: the client's own key and certificate, and the authority that signed the server's. */
export interface TlsOptions {
  key: string
  cert: string
  ca: string
}

export interface OpenOptions {
  tls?: TlsOptions | undefined
  timeout_ms: number
  signal?: AbortSignal | undefined
}

type Target =
  | { readonly kind: 'unix'; readonly path: string }
  | { readonly kind: 'tcp' | 'ssl'; readonly host: string; readonly port: number }

/** Reads a remote; throws OvsdbError that says what is wrong with it. */
export function parseRemote(remote: string): Target {
  const unix = /^unix:(.+)$/.exec(remote)?.[1]
  if (unix !== undefined) return { kind: 'unix', path: unix }
  const match = /^(tcp|ssl):(?:\[([^\]]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(remote)
  const port = Number(match?.[4])
  if (!match || port < 1 || port > 65_535)
    throw new OvsdbError(`"${remote}" is not an OVSDB remote; use unix:PATH, tcp:HOST:PORT or ssl:HOST:PORT`)
  return { kind: match[1] === 'ssl' ? 'ssl' : 'tcp', host: match[2] ?? match[3] ?? '', port }
}

/**
 * Connects. Server certificates are checked against `tls.ca`, not against a host name: OVS certificates name a
 * switch or a database, not the host they run on (ovs-pki(8)).
 */
export async function openRemote(remote: string, options: OpenOptions): Promise<Duplex> {
  const target = parseRemote(remote)
  options.signal?.throwIfAborted()
  const { socket, ready } = start(remote, target, options)
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const fail = (cause: Error) =>
    reject(new OvsdbConnectionError(`cannot connect to ${remote}: ${cause.message}`, 'not_sent', { cause }))
  const onAbort = () => fail(new Error('given up'))
  const timer = setTimeout(() => fail(new Error(`no connection within ${options.timeout_ms} ms`)), options.timeout_ms)
  options.signal?.addEventListener('abort', onAbort, { once: true })
  socket.once('error', fail)
  socket.once(ready, resolve)
  try {
    await promise
    return socket
  } catch (error) {
    socket.destroy()
    throw error
  } finally {
    clearTimeout(timer)
    options.signal?.removeEventListener('abort', onAbort)
    socket.off('error', fail)
    // A destroyed socket may still report its error; connection.ts adds its own handler to a good one.
    if (socket.destroyed) socket.on('error', () => undefined)
  }
}

function start(remote: string, target: Target, options: OpenOptions): { socket: net.Socket; ready: string } {
  if (target.kind === 'unix') return { socket: net.connect({ path: target.path }), ready: 'connect' }
  const { host, port } = target
  if (target.kind === 'tcp')
    return { socket: net.connect({ host, port, noDelay: true, keepAlive: true }), ready: 'connect' }
  if (!options.tls) throw new OvsdbError(`${remote} needs a key, a certificate and an authority's certificate`)
  const socket = tls.connect({ host, port, ...options.tls, checkServerIdentity: () => undefined })
  socket.setNoDelay(true)
  return { socket, ready: 'secureConnect' }
}
