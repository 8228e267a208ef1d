/**
 * Hands out what plug-ins of the web UI consist of, and what their authors build on: the client (plugin-api.ts, with its types taken
 * out), a style sheet and fonts. A frame cannot send a token, so nothing here asks for one: a plug-in's address is told only to who is
 * signed in (its digest is part of it), and no file of a plug-in may be a secret.
 * Not its job: which files there are (app/plugin-folder.ts).
 */
import { readdir, readFile } from 'node:fs/promises'
import { stripTypeScriptTypes } from 'node:module'
import path from 'node:path'
import type { FastifyInstance, FastifyReply } from 'fastify'
import { CloudError } from '../../model/errors.ts'
import { guard_source } from '../app/plugin-document.ts'
import type { Cloud } from '../cloud.ts'

/**
 * What is opened from here is alone: an origin of its own, so that no storage, cookie or page of Croft is in its reach, wherever it is
 * opened; no network, no frame, no form, no worker, no text made into a page or a script. 'self' is where it came from. The UI's own
 * policy (ui.ts) keeps the frame from going elsewhere.
 */
const pagePolicy = [
  'sandbox allow-scripts',
  "default-src 'none'",
  `script-src 'self' ${guard_source}`,
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
  "require-trusted-types-for 'script'",
  "trusted-types 'none'",
].join('; ')

/** Opened by themselves they do nothing: only a page has the guard before its scripts. */
const filePolicy = "sandbox; default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'self'"

const sources = path.join(import.meta.dirname, '../../ui/plugin')
const client = () => readFile(path.join(sources, 'plugin-api.ts'), 'utf8')

interface Served {
  type: string
  make(): Promise<string | Buffer>
}

/** For authors, at /plugins/<name>; read when asked for, so that a new version is there at once. */
function forAuthors(ui_folder: string | undefined): Readonly<Record<string, Served>> {
  const font = (name: string): Served => ({ type: 'font/woff2', make: () => readFont(ui_folder, name) })
  return {
    'api.js': { type: 'text/javascript; charset=utf-8', make: async () => stripTypeScriptTypes(await client()) },
    'api.ts': { type: 'text/plain; charset=utf-8', make: client },
    'look.css': {
      type: 'text/css; charset=utf-8',
      make: () => readFile(path.join(sources, 'look.css'), 'utf8'),
    },
    'text.woff2': font('RedHatTextVF-'),
    'heading.woff2': font('RedHatDisplayVF-'),
    'mono.woff2': font('RedHatMonoVF-'),
  }
}

/** The UI's own, whose built name has a hash in it that no plug-in can know. */
async function readFont(ui_folder: string | undefined, start: string): Promise<Buffer> {
  const assets = path.join(ui_folder ?? '', 'assets')
  const names = ui_folder === undefined ? [] : await readdir(assets).catch((): string[] => [])
  const name = names.find(one => one.startsWith(start) && one.endsWith('.woff2') && !one.includes('Italic'))
  if (name === undefined) throw new CloudError('not_found', 'The web UI is not built on this controller.')
  return await readFile(path.join(assets, name))
}

/** `ui_folder`: of the built UI, if there is one. */
export function servePlugins(cloud: Cloud, server: FastifyInstance, ui_folder?: string): void {
  const options = { schema: { hide: true } }
  for (const [name, { type, make }] of Object.entries(forAuthors(ui_folder))) {
    server.get(`/plugins/${name}`, options, async (_request, reply) =>
      guarded(reply, type)
        .header('cache-control', 'no-cache')
        .send(await make()),
    )
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
      return guarded(reply, file.type).header('cache-control', cached).send(file.bytes)
    },
  )
}

function guarded(reply: FastifyReply, type: string): FastifyReply {
  return (
    reply
      .type(type)
      .header('content-security-policy', type.startsWith('text/html') ? pagePolicy : filePolicy)
      .header('referrer-policy', 'no-referrer')
      .header('x-dns-prefetch-control', 'off')
      .header('permissions-policy', 'camera=(), display-capture=(), geolocation=(), microphone=(), usb=()')
      // Scripts and fonts are asked for by a page whose origin is "null", which is the same as no other.
      .header('access-control-allow-origin', '*')
      .header('cross-origin-resource-policy', 'cross-origin')
  )
}
