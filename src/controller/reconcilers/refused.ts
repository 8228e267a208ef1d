/** Places elsewhere what hosts refuse to bring up: app/refused.ts says how. Woken by their reports. */
import { placeRefused, type Resting } from '../app/refused.ts'
import type { Cloud } from '../cloud.ts'
import { Loop } from './loop.ts'

const every_ms = 60_000

export function refusedLoop(cloud: Cloud): Loop {
  const { clock, log } = cloud
  const resting: Resting = new Map()
  return new Loop({ name: 'placing refused instances', clock, log, every_ms, pass: () => placeRefused(cloud, resting) })
}
