/**
 * Hands out what plug-ins of the web UI consist of, and what their authors build on: the client (plugin-api.ts, with its types taken
 * out) and a style sheet. A frame cannot send a token, so nothing here asks for one: a plug-in's address is told only to who is
 * signed in (its digest is part of it), and no file of a plug-in may be a secret.
 * Not its job: which files there are (app/plugin-folder.ts).
 */
import { readFile } from 'node:fs/promises'
import { stripTypeScriptTypes } from 'node:module'
import path from 'node:path'
import type { FastifyInstance, FastifyReply } from 'fastify'
import { CloudError } from '../../model/errors.ts'
import type { Cloud } from '../cloud.ts'

/**
 * What is opened from here is alone: an origin of its own, so that no storage, cookie or page of Croft is in its reach, wherever it is
 * opened; no network, no frame, no form, no worker. 'self' is where it came from. The UI's own policy (ui.ts) keeps the frame from
 * going elsewhere.
 */
export const pluginPolicy = [
  'sandbox allow-scripts',
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data: blob:",
  "font-src 'self'",
  "connect-src 'none'",
  "frame-src 'none'",
  "worker-src 'none'",
  "object-src 'none'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'self'",
  "webrtc 'block'",
].join('; ')

const ui = path.join(import.meta.dirname, '../../ui/plugin')

/** For authors, at /plugins/<name>; read when asked for, so that a new version is there at once. */
const forAuthors: Readonly<Record<string, () => Promise<{ type: string; body: string }>>> = {
  'api.js': async () => ({
    type: 'text/javascript; charset=utf-8',
    body: stripTypeScriptTypes(await readFile(path.join(ui, 'plugin-api.ts'), 'utf8')),
  }),
  'api.ts': async () => ({
    type: 'text/plain; charset=utf-8',
    body: await readFile(path.join(ui, 'plugin-api.ts'), 'utf8'),
  }),
  'look.css': async () => ({
    type: 'text/css; charset=utf-8',
    body: await readFile(path.join(ui, 'look.css'), 'utf8'),
  }),
}

export function servePlugins(cloud: Cloud, server: FastifyInstance): void {
  const options = { schema: { hide: true } }
  for (const [name, make] of Object.entries(forAuthors)) {
    server.get(`/plugins/${name}`, options, async (_request, reply) => {
      const { type, body } = await make()
      return guarded(reply).header('cache-control', 'no-cache').type(type).send(body)
    })
  }
  server.get<{ Params: { plugin: string; digest: string; '*': string } }>(
    '/plugins/:plugin/:digest/*',
    options,
    async ({ params }, reply) => {
      const { plugin, digest, '*': name } = params
      const file = cloud.plugins.file(plugin, digest, name)
      if (!file)
        throw new CloudError('not_found', 'This file is of no plug-in, or of another version. Load the page again.')
      // The digest is that of all its files: what is at this address never changes.
      const cached = 'private, max-age=31536000, immutable'
      return guarded(reply).header('cache-control', cached).type(file.type).send(file.bytes)
    },
  )
}

function guarded(reply: FastifyReply): FastifyReply {
  return (
    reply
      .header('content-security-policy', pluginPolicy)
      .header('referrer-policy', 'no-referrer')
      .header('x-dns-prefetch-control', 'off')
      .header('permissions-policy', 'camera=(), display-capture=(), geolocation=(), microphone=(), usb=()')
      // Scripts and fonts are asked for by a page whose origin is "null", which is the same as no other.
      .header('access-control-allow-origin', '*')
      .header('cross-origin-resource-policy', 'cross-origin')
  )
}
