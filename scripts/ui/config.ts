/** How Vite builds the UI. No telemetry, no network; assets carry a hash of their content in their names. */
import path from 'node:path'
import react from '@vitejs/plugin-react'
import type { InlineConfig } from 'vite'
import { contractPlugin } from './routes-plugin.ts'
import { wordsPlugin } from './words-plugin.ts'

const ui = path.join(import.meta.dirname, '../../src/ui')

/**
 * What every page needs, in two files: many small ones cost a request each and a third more bytes with gzip. Libraries apart, because
 * they stay as they are from one version of Croft to the next.
 */
const first_load = [
  { name: 'libraries', tags: ['$initial' as const], test: /node_modules/, priority: 1 },
  { name: 'first', tags: ['$initial' as const] },
]

export function uiConfig(out_dir: string): InlineConfig {
  return {
    root: ui,
    base: '/ui/',
    configFile: false,
    envDir: false,
    logLevel: 'warn',
    plugins: [react(), contractPlugin(), wordsPlugin()],
    build: {
      outDir: out_dir,
      emptyOutDir: true,
      target: 'es2023',
      // Inlined assets would be data: URLs, which the Content-Security-Policy keeps out of styles and fonts.
      assetsInlineLimit: 0,
      modulePreload: { polyfill: false },
      reportCompressedSize: false,
      rolldownOptions: { output: { codeSplitting: { groups: first_load } } },
      chunkSizeWarningLimit: 2000,
    },
  }
}
