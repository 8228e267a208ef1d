/** Scrolls a list of 100,000 rows steadily, reading page after page on the way, and then far down where thousands have been read. */
import type { CDPSession, Page } from 'playwright-core'
import type { Browser } from './browser.ts'

const stretch_ms = 15_000
const speed_px_per_s = 4000
/** Read before the second stretch. */
const far_rows = 20_000

interface Stretch {
  frames: number
  long_ms: number[]
  /** The one that it ended at. */
  row: number
  /** What the browser says a long frame was for. */
  causes: string[]
  /** What the page's main thread computed for each frame: barely changes with what else the machine does. */
  cpu_ms: number
}

/** Frames of more than 50 ms, as the Long Animation Frames API has them (W3C), in both stretches together. */
export async function scroll(browser: Browser): Promise<{ long_frames: number; note: string }> {
  const context = await browser.fresh()
  const page = await context.newPage()
  try {
    await browser.goTo(page, '/ui/instances', ['.croft-body-row', '[data-live="live"]'])
    const debug = await context.newCDPSession(page)
    await debug.send('Performance.enable', { timeDomain: 'threadTicks' })
    await stretch(page, debug, 2000)
    const near = await stretch(page, debug, stretch_ms)
    await page.evaluate(`window.bench.readOn(${far_rows})`)
    const far = await stretch(page, debug, stretch_ms)
    const told = ({ frames, long_ms, row, causes, cpu_ms }: Stretch) =>
      `${long_ms.length} long of ${frames} (${long_ms.map(Math.round).join(', ')} ms) to row ${row}, CPU for each ${cpu_ms.toFixed(1)} ms; ${causes.join('; ')}`
    return { long_frames: near.long_ms.length + far.long_ms.length, note: `${told(near)}; far down ${told(far)}` }
  } finally {
    await context.close()
  }
}

async function stretch(page: Page, debug: CDPSession, time_ms: number): Promise<Stretch> {
  const before_ms = await cpuOf(debug)
  const asked = JSON.stringify({ time_ms, speed_px_per_s })
  const done = await page.evaluate<Omit<Stretch, 'cpu_ms'>>(`window.bench.scrollSteadily(${asked})`)
  return { ...done, cpu_ms: ((await cpuOf(debug)) - before_ms) / done.frames }
}

/** CPU time of the main thread so far (Chrome DevTools Protocol, Performance.getMetrics). */
async function cpuOf(debug: CDPSession): Promise<number> {
  const { metrics } = await debug.send('Performance.getMetrics')
  return 1000 * (metrics.find(one => one.name === 'TaskDuration')?.value ?? 0)
}
