/**
 * The web UI in real Chromium, on a cloud with 100,000 instances: how soon its pages are there, how soon a change is seen, whether a long
 * list scrolls without a stop, how much JavaScript the first page costs.
 */
import type { Role } from '../src/host/packages.ts'
import { times } from './cloud/load.ts'
import { type BenchCloud, startCloud } from './cloud/cloud.ts'
import { copyInstances } from './cloud/many.ts'
import { Arrivals, Watcher } from './cloud/watcher.ts'
import { type BenchContext, type FigureSpec, median } from './figures.ts'
import { type Browser, openBrowser } from './ui/browser.ts'
import { eventsToPixels } from './ui/event-to-pixel.ts'
import { openPages } from './ui/pages.ts'
import { scroll } from './ui/scroll.ts'

export const packages_of: readonly Role[] = ['test']

export const figures: readonly FigureSpec[] = [
  { name: 'ui.first_load', unit: 'kB', target: 300, better: 'less' },
  { name: 'ui.interactive_p50', unit: 'ms', target: 1000, better: 'less' },
  { name: 'ui.interactive_warm_p50', unit: 'ms', target: 1000, better: 'less' },
  { name: 'ui.event_to_pixel_p50', unit: 'ms', target: 300, better: 'less' },
  { name: 'ui.scroll_long_frames', unit: 'frames', target: 0, better: 'less' },
]

const made = 1000
const copies = 99

export async function run(context: BenchContext): Promise<void> {
  await using undo = new AsyncDisposableStack()
  const cloud = await startCloud({ statements: context.statements, inspect: context.profile_dir !== null })
  undo.defer(() => cloud.close())
  const ids = await make(cloud)
  const browser = await openBrowser(cloud)
  undo.defer(() => browser.close())
  if (context.wants('ui.first_load')) await firstLoad(context, browser)
  const many = figures.map(({ name }) => name).filter(name => name !== 'ui.first_load')
  if (!many.some(context.wants)) return
  const [taken_ms = 0] = await times(1, () => copyInstances(cloud.database_url, copies))
  context.note(`# ui.: ${made * (copies + 1)} instances, copied in ${Math.round(taken_ms)} ms`)
  if (context.wants('ui.interactive_p50') || context.wants('ui.interactive_warm_p50'))
    await interactive(context, browser, ids[0] ?? '')
  if (context.wants('ui.event_to_pixel_p50')) {
    const delays = await eventsToPixels(cloud, browser)
    context.report({ name: 'ui.event_to_pixel_p50', value: median(delays) })
  }
  if (context.wants('ui.scroll_long_frames')) {
    const { long_frames, note } = await scroll(browser)
    context.note(`# ui.scroll_long_frames: ${note}`)
    context.report({ name: 'ui.scroll_long_frames', value: long_frames })
  }
}

/** Through the API, all running: what hosts know of. */
async function make(cloud: BenchCloud): Promise<string[]> {
  const arrivals = new Arrivals()
  const watcher = await Watcher.open(cloud.url, cloud.token, 'noun=instance', arrivals.see)
  const connection = await cloud.open()
  const asked = { name: 'made', count: made, ...cloud.instance }
  const { items } = await connection.json<{ items: { id: string }[] }>('POST', '/v1/instances', asked)
  await Promise.all(items.map(({ id }) => arrivals.when(id, 'running')))
  watcher.close()
  connection.close()
  return items.map(({ id }) => id)
}

async function firstLoad(context: BenchContext, browser: Browser): Promise<void> {
  const scripts = await browser.firstLoad()
  for (const { name, gzip_bytes } of scripts) context.note(`# ui.first_load: ${gzip_bytes} ${name}`)
  context.report({ name: 'ui.first_load', value: scripts.reduce((sum, one) => sum + one.gzip_bytes, 0) / 1000 })
}

async function interactive(context: BenchContext, browser: Browser, instance: string): Promise<void> {
  const { cold, warm } = await openPages(browser, instance)
  for (const [name, all] of [
    ['ui.interactive_p50', cold],
    ['ui.interactive_warm_p50', warm],
  ] as const) {
    for (const [page, taken] of all) context.note(`# ${name}: ${page} ${taken.map(Math.round).join(', ')} ms`)
    context.report({ name, value: median([...all.values()].flat()) })
  }
}
