/** What the first page after the sign-in costs a browser that was never here: its scripts, as the controller hands them out with gzip. */
import { stat } from 'node:fs/promises'
import path from 'node:path'
import type { Page } from 'playwright-core'

export interface Script {
  name: string
  gzip_bytes: number
}

/** `ui`: the folder of the built UI. The page must have loaded all that it shows. */
export async function scriptsOf(page: Page, ui: string): Promise<Script[]> {
  const names = await page.evaluate<string[]>(
    `performance.getEntriesByType('resource').map(one => new URL(one.name).pathname).filter(one => one.endsWith('.js'))`,
  )
  const scripts = [...new Set(names)].map(async (name): Promise<Script> => {
    const file = path.join(ui, path.relative('/ui', name))
    // Small ones have no compressed file beside them: they are sent as they are.
    const { size } = await stat(`${file}.gz`).catch(() => stat(file))
    return { name: path.basename(name), gzip_bytes: size }
  })
  return (await Promise.all(scripts)).toSorted((one, other) => other.gzip_bytes - one.gzip_bytes)
}

export const sumOf = (scripts: readonly Script[]) => scripts.reduce((sum, one) => sum + one.gzip_bytes, 0)
