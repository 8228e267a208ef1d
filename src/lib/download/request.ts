/**
 * One GET with its redirects, over node's own http and https: every hop's scheme and address are checked. Ends at the
 * head of the answer. Not its job: the body, retries (download.ts).
 */
import type { ClientRequest, IncomingMessage } from 'node:http'
import * as http from 'node:http'
import * as https from 'node:https'
import { isIP, type Socket } from 'node:net'
import { addressRefused, isPublicAddress, publicLookup } from './address.ts'
import { DownloadError } from './error.ts'

export interface RequestOptions {
  headers: Readonly<Record<string, string>>
  allow_private: boolean
  /** With a checksum to compare, https may lead on to http. */
  allow_downgrade: boolean
  max_redirects: number
  /** Silence longer than this before or within the answer breaks the connection. */
  stall_timeout_ms: number
  ca?: string | undefined
  signal?: AbortSignal | undefined
}

const redirects = new Set([301, 302, 303, 307, 308])

/** Resolves with the first answer that is no redirect. */
export async function requestFollowing(start: URL, options: RequestOptions): Promise<IncomingMessage> {
  let url = start
  for (let hops = 0; ; hops++) {
    checkUrl(url, options)
    const response = await request(url, options)
    if (!redirects.has(response.statusCode ?? 0)) return response
    response.destroy()
    if (hops >= options.max_redirects) {
      const sentence = `${start.host} redirects more than ${options.max_redirects} times. Give the address it leads to.`
      throw new DownloadError('too_many_redirects', sentence)
    }
    const next = nextUrl(url, response.headers.location)
    if (url.protocol === 'https:' && next.protocol === 'http:' && !options.allow_downgrade) {
      throw new DownloadError(
        'insecure_redirect',
        `${url.host} redirects from https to plain http (${next.host}), where anyone between could change the file. ` +
          'Give an https address that stays one, or the SHA-256 checksum of the file.',
      )
    }
    url = next
  }
}

/** The address as it was given, or the reason why it is none. */
export function parseUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (!url) throw new DownloadError('bad_url', 'That is not a URL. Give one that begins with https:// or http://.')
  return url
}

function nextUrl(from: URL, location: string | undefined): URL {
  if (location === undefined || !URL.canParse(location, from)) {
    throw new DownloadError(
      'bad_url',
      `${from.host} redirects to nowhere that can be understood. Give another address.`,
    )
  }
  return new URL(location, from)
}

function checkUrl(url: URL, options: RequestOptions): void {
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    const sentence = `Downloads are by http or https, not by '${url.protocol.slice(0, -1)}'. Give such an address.`
    throw new DownloadError('bad_url', sentence, { protocol: url.protocol })
  }
  // A numeric address is connected to without being looked up, so it is judged here.
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1')
  if (!options.allow_private && isIP(host) !== 0 && !isPublicAddress(host)) throw addressRefused(host, [host])
}

function request(url: URL, options: RequestOptions): Promise<IncomingMessage> {
  const { signal, allow_private, stall_timeout_ms } = options
  const settings = {
    headers: options.headers,
    // No connection is used twice: each is checked as it is made.
    agent: false as const,
    ...(allow_private ? {} : { lookup: publicLookup }),
    ...(signal ? { signal } : {}),
    ...(options.ca === undefined ? {} : { ca: options.ca }),
  }
  return new Promise((resolve, reject) => {
    const sent = url.protocol === 'https:' ? https.get(url, settings) : http.get(url, settings)
    // node counts silence on the socket, whether still connecting, waiting for the head, or within the body.
    sent.setTimeout(stall_timeout_ms, () => sent.destroy(stalled(url, stall_timeout_ms)))
    if (!allow_private) guardSocket(sent, url)
    sent.once('response', resolve)
    // Not once: breaking off a redirect's body may say so again.
    sent.on('error', reject)
  })
}

/** The last word: where the socket really ended up. */
function guardSocket(sent: ClientRequest, url: URL): void {
  sent.once('socket', (socket: Socket) => {
    const check = (): void => {
      const address = socket.remoteAddress ?? ''
      if (!isPublicAddress(address)) sent.destroy(addressRefused(url.hostname, [address]))
    }
    if (socket.connecting) socket.once('connect', check)
    else check()
  })
}

export class StallError extends Error {}

function stalled(url: URL, timeout_ms: number): StallError {
  return new StallError(`${url.host} sent nothing for ${timeout_ms} ms`)
}
