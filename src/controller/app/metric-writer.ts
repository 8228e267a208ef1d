/** Hands whole minutes to the database, many hosts' together. What is measured meanwhile: metric-hub.ts. */
import type { Logger } from 'pino'
import type { Clock, Timer } from '../../lib/clock.ts'
import { Together } from '../../lib/together.ts'
import type { MetricStore } from '../store/metrics.ts'
import { type Finished, release } from './metric-minute.ts'

/** While the database does not take them, blocks wait; beyond this many the newest are lost. */
const waiting_max = 200_000
/** A statement costs as much as some hundred of its rows, and a host has ten: what comes within so long goes together. */
const gather_ms = 500

export class MetricWriter {
  private readonly parts: { clock: Clock; log: Logger; store: MetricStore; counted: { blocks: number; lost: number } }
  private readonly together: Together<readonly Finished[], undefined>
  /** How many are not in the database yet: those that are gathered, and those on their way there. */
  private waiting = 0
  private gathered: Finished[] = []
  private gathering: Timer | undefined
  private readonly writing = new Map<Promise<void>, readonly Finished[]>()

  constructor(parts: MetricWriter['parts']) {
    this.parts = parts
    this.together = new Together(async all => {
      // Not `+= await`: what is counted meanwhile would be forgotten.
      const left_out = await parts.store.write('seconds', all.flat())
      parts.counted.lost += left_out
      return all.map(() => undefined)
    })
  }

  write(blocks: readonly Finished[]): void {
    if (blocks.length === 0) return
    if (this.waiting + blocks.length > waiting_max) {
      this.parts.counted.lost += blocks.length
      blocks.forEach(release)
      return
    }
    this.waiting += blocks.length
    for (const block of blocks) this.gathered.push(block)
    this.gathering ??= this.parts.clock.after(gather_ms, () => this.send())
  }

  /** What is not in the database yet. */
  leaving(): Finished[] {
    return [this.gathered, ...this.writing.values()].flat()
  }

  /** Writes what is there, and waits for it. */
  async flush(): Promise<void> {
    this.send()
    await Promise.all(this.writing.keys())
  }

  private send(): void {
    this.gathering?.cancel()
    this.gathering = undefined
    const blocks = this.gathered
    if (blocks.length === 0) return
    this.gathered = []
    const done = this.together
      .ask(blocks)
      .then(
        () => {
          this.parts.counted.blocks += blocks.length
        },
        (error: unknown) => {
          this.parts.counted.lost += blocks.length
          this.parts.log.warn({ err: error, blocks: blocks.length }, 'metrics could not be written and are lost')
        },
      )
      .finally(() => {
        this.waiting -= blocks.length
        this.writing.delete(done)
        blocks.forEach(release)
      })
    this.writing.set(done, blocks)
  }
}
