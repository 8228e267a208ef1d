/** From a change asked of the controller to its being drawn in an open list, in another's browser. */
import type { BenchCloud } from '../cloud/cloud.ts'
import type { Browser } from './browser.ts'

const rounds = 100
const warm_up = 10

/** Milliseconds of each. Both ends are seen by this process: the browser's telling it is in it. */
export async function eventsToPixels(cloud: BenchCloud, browser: Browser): Promise<number[]> {
  const context = await browser.fresh()
  const page = await context.newPage()
  const connection = await cloud.open()
  try {
    await browser.goTo(page, '/ui/instances', ['.croft-body-row', '[data-live="live"]'])
    const { items } = await connection.json<{ items: { id: string; name: string }[] }>(
      'GET',
      '/v1/instances?sort=name&limit=10',
    )
    const taken: number[] = []
    for (let round = 0; round < warm_up + rounds; round++) {
      const item = items[round % items.length]
      // It stays in its place of the list: a row whose new name belongs elsewhere goes there, out of sight.
      const name = `${item?.name}-${round}`
      const seen = page.evaluate(`window.bench.saying(${JSON.stringify(name)})`)
      const from_ms = performance.now()
      await connection.json('PATCH', `/v1/instances/${item?.id}`, { name })
      await seen
      if (round >= warm_up) taken.push(performance.now() - from_ms)
    }
    return taken
  } finally {
    connection.close()
    await context.close()
  }
}
