/** How Vite builds the UI. No telemetry, no network; assets carry a hash of their content in their names. */
import path from 'node:path'
import react from '@vitejs/plugin-react'
import type { InlineConfig } from 'vite'
import { contractPlugin } from './routes-plugin.ts'

const ui = path.join(import.meta.dirname, '../../src/ui')

export function uiConfig(out_dir: string): InlineConfig {
  return {
    root: ui,
    base: '/ui/',
    configFile: false,
    envDir: false,
    logLevel: 'warn',
    plugins: [react(), contractPlugin()],
    build: {
      outDir: out_dir,
      emptyOutDir: true,
      target: 'es2023',
      // Inlined assets would be data: URLs, which the Content-Security-Policy keeps out of styles and fonts.
      assetsInlineLimit: 0,
      modulePreload: { polyfill: false },
      reportCompressedSize: false,
      chunkSizeWarningLimit: 2000,
    },
  }
}
