/** The built UI in a real Chromium, signed in as the administrator. What a page is measured by, it does itself: nothing is polled. */
import { execFileSync } from 'node:child_process'
import path from 'node:path'
import { type BrowserContext, chromium, type Page } from 'playwright-core'
import { chromium_path } from '../../test/support/chromium.ts'
import { type Script, scriptsOf } from '../../test/support/first-load.ts'
import type { BenchCloud } from '../cloud/cloud.ts'

const root = path.join(import.meta.dirname, '../..')
const within_ms = 60_000

export interface Browser {
  /** A profile of its own: nothing is cached. */
  fresh(): Promise<BrowserContext>
  /** Goes to an address and resolves when all of `shown` (CSS selectors) is drawn: with how many ms after the navigation began. */
  goTo(page: Page, address: string, shown: readonly string[]): Promise<number>
  firstLoad(): Promise<Script[]>
  close(): Promise<void>
}

export async function openBrowser(cloud: BenchCloud): Promise<Browser> {
  const build = path.join(root, 'scripts/ui/build.ts')
  execFileSync(process.execPath, ['--disable-warning=ExperimentalWarning', build], {
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  // As root in a container, where Chromium's own sandbox cannot be.
  const browser = await chromium.launch({ executablePath: chromium_path, args: ['--no-sandbox'] })
  const fresh = async () => {
    const context = await browser.newContext({
      viewport: { width: 1400, height: 860 },
      locale: 'en-GB',
      timezoneId: 'UTC',
    })
    context.setDefaultTimeout(within_ms)
    await context.addInitScript(token => sessionStorage.setItem('croft.token', token), cloud.token)
    await context.addInitScript({ path: path.join(import.meta.dirname, 'in-page.js') })
    return context
  }
  const goTo = async (page: Page, address: string, shown: readonly string[]) => {
    // Anew even where only what is behind the # or ? differs.
    await page.goto(cloud.url + address, { waitUntil: 'commit' })
    return await page.evaluate<number>(`window.bench.drawn(${JSON.stringify(shown)})`)
  }
  return {
    fresh,
    goTo,
    async firstLoad() {
      const context = await fresh()
      const page = await context.newPage()
      await goTo(page, '/ui/', ['.croft-forecast-meter', '.croft-bar', '.croft-states'])
      const scripts = await scriptsOf(page, path.join(root, 'dist/ui'))
      await context.close()
      return scripts
    },
    close: () => browser.close(),
  }
}
