/** From navigation to a page's data drawn: main pages, in a browser that was never here, and in one that has been. */
import type { Browser } from './browser.ts'

/** What is there once a page's data is. */
const row = '.croft-body-row'

function mainPages(instance: string): Readonly<Record<string, { address: string; shown: readonly string[] }>> {
  return {
    dashboard: { address: '/ui/', shown: ['.croft-forecast-meter', '.croft-bar', '.croft-states'] },
    instances: { address: '/ui/instances', shown: [row] },
    'all instances': { address: '/ui/instances?all_projects=true&sort=-created_at', shown: [row] },
    'instances searched': { address: '/ui/instances?search=made-77', shown: [row] },
    instance: { address: `/ui/instances/${instance}`, shown: ['main h1', 'main dl dd'] },
    volumes: { address: '/ui/volumes', shown: [row] },
    ports: { address: '/ui/ports', shown: [row] },
    networks: { address: '/ui/networks', shown: [row] },
    hosts: { address: '/ui/hosts', shown: [row] },
    operations: { address: '/ui/operations', shown: [row] },
  }
}

const rounds = 3

type Taken = Map<string, number[]>

export async function openPages(browser: Browser, instance: string): Promise<{ cold: Taken; warm: Taken }> {
  const cold: Taken = new Map()
  const warm: Taken = new Map()
  for (const [name, { address, shown }] of Object.entries(mainPages(instance))) {
    const own = { cold: [] as number[], warm: [] as number[] }
    // The first is for the controller's own compiled code and planned statements.
    for (let round = -1; round < rounds; round++) {
      const context = await browser.fresh()
      const page = await context.newPage()
      const first = await browser.goTo(page, address, shown)
      await page.goto('about:blank')
      const again = await browser.goTo(page, address, shown)
      await context.close()
      if (round < 0) continue
      own.cold.push(first)
      own.warm.push(again)
    }
    cold.set(name, own.cold)
    warm.set(name, own.warm)
  }
  return { cold, warm }
}
