/**
 * A real Chromium on a real controller: the UI as people have it. The controller listens on loopback, with hosts that obey; pages
 * that log an error fail their test.
 */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import path from 'node:path'
import { type Browser, chromium, type Page } from 'playwright-core'
import { chromium_path, whole_chromium_path } from './chromium.ts'
import type { TestCloud, TestCloudOptions } from './cloud.ts'
import { testCloud } from './cloud.ts'

const root = path.join(import.meta.dirname, '../..')

export interface UiCloud extends TestCloud {
  url: string
  /** A page at an address of the UI, signed in as whom the token is of; by standard the administrator. */
  open(address: string, options?: OpenOptions): Promise<Page>
}

export interface OpenOptions {
  /** Null: nobody. */
  token?: string | null
  width?: number
  height?: number
  dark?: boolean
  locale?: string
  /** In a window, which can be full screen. */
  in_window?: boolean
}

let built = false

/** Builds the UI, once a process and if it is not up to date. */
export async function uiCloud(options: Pick<TestCloudOptions, 'plugins'> = {}): Promise<UiCloud> {
  if (!built)
    execFileSync(process.execPath, ['--disable-warning=ExperimentalWarning', path.join(root, 'scripts/ui/build.ts')])
  built = true
  const cloud = await testCloud({ ui: path.join(root, 'dist/ui'), ...options })
  await cloud.server.listen({ host: '127.0.0.1', port: 0 })
  const address = cloud.server.server.address()
  assert.ok(typeof address === 'object' && address !== null)
  const url = `http://127.0.0.1:${address.port}`
  const pages = new Set<Page>()
  users += 1
  return {
    ...cloud,
    url,
    async open(address, options) {
      const page = await open(cloud, url, address, options)
      pages.add(page)
      page.once('close', () => pages.delete(page))
      return page
    },
    async close() {
      await Promise.all([...pages].map(page => page.context().close()))
      users -= 1
      setTimeout(closeUnused, linger_ms)
      await cloud.close()
    },
  }
}

const launched = new Map<string, Promise<Browser>>()
/** Clouds that may open pages. */
let users = 0
/** The next suite of this process begins within this time, if there is one. */
const linger_ms = 2000

function closeUnused(): void {
  if (users > 0) return
  for (const browser of launched.values()) void browser.then(one => one.close())
  launched.clear()
}

/**
 * One for all tests of a process: a start costs a second of CPU. Each page has a context of its own: nothing is stored, cached or signed in
 * that another one sees.
 */
function chromiumHere(executablePath: string): Promise<Browser> {
  // Tests run as root in containers, where Chromium's own sandbox cannot be. Without a GPU it draws by itself, which is a third less work
  // than to emulate one; so is what does not move.
  const browser =
    launched.get(executablePath) ?? chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-gpu'] })
  launched.set(executablePath, browser)
  return browser
}

async function open(cloud: TestCloud, url: string, address: string, options: OpenOptions = {}): Promise<Page> {
  const { token = cloud.admin, width = 1400, height = 860, dark = false, locale = 'en-GB', in_window = false } = options
  const browser = await chromiumHere(in_window ? whole_chromium_path : chromium_path)
  const page = await browser.newPage({
    viewport: { width, height },
    colorScheme: dark ? 'dark' : 'light',
    locale,
    timezoneId: 'UTC',
    reducedMotion: 'reduce',
  })
  page.setDefaultTimeout(30_000)
  page.on('pageerror', error => problemsOf(page).push(String(error.stack ?? error)))
  page.on('console', message => {
    if (message.type() === 'error') problemsOf(page).push(message.text())
  })
  if (token !== null)
    await page.addInitScript(secret => {
      try {
        sessionStorage.setItem('croft.token', secret)
      } catch {
        // It runs in every frame, and a plug-in's has no storage.
      }
    }, token)
  await page.goto(url + address)
  return page
}

const problems = new WeakMap<Page, string[]>()

/** What the page complained of: exceptions, and errors on its console, such as what the Content-Security-Policy refused. */
export function problemsOf(page: Page): string[] {
  const known = problems.get(page) ?? []
  problems.set(page, known)
  return known
}

const axe = readFileSync(path.join(root, 'node_modules/axe-core/axe.min.js'), 'utf8')

interface Violation {
  id: string
  help: string
  nodes: { html: string; failureSummary?: string }[]
}

/** WCAG 2.2 A and AA, as far as a program can tell; fails with what is wrong where. */
export async function checkAccessible(page: Pick<Page, 'evaluate'>): Promise<void> {
  // By the debugger, which the page's Content-Security-Policy lets do it.
  await page.evaluate(axe)
  const tags = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa']
  const found = await page.evaluate<{ violations: Violation[] }>(
    // Of what is in order nothing is told: to name each element by a selector is half of all that it does.
    `axe.run(document, { runOnly: ${JSON.stringify(tags)}, preload: false, resultTypes: ['violations'], selectors: false })`,
  )
  const lines = found.violations.flatMap(({ id, help, nodes }) =>
    nodes.map(({ html, failureSummary }) => `${id}: ${help}\n    ${html.slice(0, 200)}\n    ${failureSummary ?? ''}`),
  )
  assert.equal(lines.length, 0, `not accessible:\n  ${lines.join('\n  ')}`)
}

/** Does this while what the page asks for there waits: what it shows meanwhile is else gone before it is looked at. */
export async function whileAsking(page: Page, paths: string, work: () => Promise<void>): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  await page.route(paths, async route => {
    await promise
    await route.continue()
  })
  await work()
  resolve()
}

/** For docs/pictures/, checked in: looked at by people. */
export async function picture(page: Page, name: string): Promise<void> {
  const folder = path.join(root, 'docs/pictures')
  await mkdir(folder, { recursive: true })
  // Something is drawn until fonts are there and nothing moves any more.
  await page.evaluate('document.fonts.ready')
  await page.screenshot({ path: path.join(folder, `${name}.png`), animations: 'disabled' })
}
