/**
 * Pages of plug-ins, made ready to be opened alone. Their Content-Security-Policy (http/plugin-files.ts) leaves one way to the network:
 * WebRTC, which Chromium's and Firefox's policies do not know. So a first script takes it away before any other runs. A frame made of
 * text would be a world where it was still there: the policy keeps scripts from making one (Trusted Types), and this file pages from
 * having one. docs/design/0008-ui-plug-ins.md
 */
import { createHash } from 'node:crypto'
import { PluginRefused } from './plugin-manifest.ts'

const guard =
  'for (const way of ["RTCPeerConnection", "webkitRTCPeerConnection", "XSLTProcessor"]) delete globalThis[way]'

/** As a policy names a script that stands in its page. */
export const guard_source = `'sha256-${createHash('sha256').update(guard).digest('base64')}'`

const start = /^\s*<!doctype html>/i

/** The page with the guard before all else. Throws PluginRefused for what is not UTF-8, no HTML by its first words, or has a frame made of text. */
export function guardedPage(bytes: Uint8Array, name: string): Buffer {
  let text: string
  try {
    // In another encoding it might read otherwise in a browser than here.
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    throw new PluginRefused(`${name} is not UTF-8. Save it as that.`)
  }
  const found = start.exec(text)
  if (!found) throw new PluginRefused(`${name} does not begin with <!doctype html>. Write that into its first line.`)
  if (/srcdoc/i.test(text))
    throw new PluginRefused(
      `${name} has the word "srcdoc", and frames made of text are not for plug-ins. Leave it out.`,
    )
  return Buffer.from(`${found[0]}<script>${guard}</script>${text.slice(found[0].length)}`)
}
