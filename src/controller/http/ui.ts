/**
 * Hands out the built web UI (dist/ui): files with a hash in their name for ever, the page itself for every other path below /ui/.
 * The UI is a client of the API like any other: nothing here knows of sessions, and the page holds no secret.
 */
import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import path from 'node:path'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { CloudError } from '../../model/errors.ts'

/**
 * Scripts and styles come from here and from nowhere else, and none stands in the page. React and PatternFly set styles of elements
 * through the DOM, which this allows. Images may be made in the browser (blob:) or stand in a style sheet (data:).
 */
export const contentSecurityPolicy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data: blob:",
  "font-src 'self'",
  "connect-src 'self'",
  "worker-src 'self'",
  "frame-src 'self'",
  "manifest-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ')

const types: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.json': 'application/json',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.jpg': 'image/jpeg',
  '.ico': 'image/x-icon',
  '.woff2': 'font/woff2',
  '.woff': 'font/woff',
  '.ttf': 'font/ttf',
  '.wasm': 'application/wasm',
}
const encodings = [
  ['br', '.br'],
  ['gzip', '.gz'],
] as const

export interface UiOptions {
  /** The built UI; it may be missing, or be built while this runs. */
  folder: string
  /** Where the API's certificate is from the cloud's own authority: that one's certificate (PEM), for programs that are to trust it. */
  ca_pem?: string
}

export function serveUi(server: FastifyInstance, { folder, ca_pem }: UiOptions): void {
  const options = { schema: { hide: true } }
  server.get('/', options, (_request, reply) => reply.redirect('/ui/'))
  server.get('/ui', options, (_request, reply) => reply.redirect('/ui/'))
  // No secret: whoever connects is shown it.
  server.get('/ui/ca.pem', options, async (_request, reply) => {
    if (ca_pem === undefined)
      throw new CloudError('not_found', 'The certificate of this API is not from an authority of the cloud’s own.')
    return reply.type('application/x-pem-file').header('cache-control', 'no-cache').send(ca_pem)
  })
  server.get<{ Params: { '*': string } }>('/ui/*', options, async (request, reply) => {
    const name = request.params['*']
    reply.header('content-security-policy', contentSecurityPolicy)
    reply.header('referrer-policy', 'same-origin')
    reply.header('cross-origin-opener-policy', 'same-origin')
    reply.header('cross-origin-resource-policy', 'same-origin')
    reply.header('permissions-policy', 'camera=(), geolocation=(), microphone=()')
    const is_asset = name.startsWith('assets/')
    if (await send(folder, is_asset ? name : 'index.html', request, reply)) return reply
    throw is_asset
      ? new CloudError('not_found', 'This file is of another version of the web UI. Load the page again.')
      : new CloudError('unavailable', 'The web UI is not built on this controller. Build it there: npm run build:ui')
  })
}

/** False when there is no such file. */
async function send(folder: string, name: string, request: FastifyRequest, reply: FastifyReply): Promise<boolean> {
  const file = path.join(folder, path.normalize(`/${name}`))
  const accepted = request.headers['accept-encoding'] ?? ''
  const possible = [...encodings.filter(([encoding]) => accepted.includes(encoding)), [undefined, ''] as const]
  for (const [encoding, ending] of possible) {
    const found = await stat(file + ending).catch(() => null)
    if (!found?.isFile()) continue
    reply.header('vary', 'accept-encoding')
    if (encoding) reply.header('content-encoding', encoding)
    reply.header('content-length', found.size)
    // What has its content's hash in its name never changes; the page is asked for anew, so that an update shows.
    reply.header('cache-control', name === 'index.html' ? 'no-cache' : 'public, max-age=31536000, immutable')
    reply.type(types[path.extname(name)] ?? 'application/octet-stream')
    await reply.send(createReadStream(file + ending))
    return true
  }
  return false
}
