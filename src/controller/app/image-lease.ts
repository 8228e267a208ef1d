/** Keeps a lease on an image while its content is worked on, and tells the image's progress; not who may work on what. */
import type { Cloud } from '../cloud.ts'
import { event } from '../store/event.ts'
import { type ImageLease, imageWork } from '../store/image-work.ts'

/** A lease outlives three missed renewals. */
export const image_lease_s = 20
const renew_every_ms = 5000
const progress_every_ms = 1000

export interface KeptLease extends AsyncDisposable {
  /** Fires when the lease is lost: another has it, or the image was deleted. */
  readonly signal: AbortSignal
  /** Shows how far the work has come, from 0 to 1; at most one event a second. */
  progress(fraction: number): void
}

export class LeaseLost extends Error {}

/** Renews the lease until disposed of, which gives it back. */
export function keepLease(cloud: Cloud, lease: ImageLease): KeptLease {
  const { clock, database, log } = cloud
  const lost = new AbortController()
  const done = new AbortController()
  let renewed_at_ms = clock.steady_ms()
  const beat = async (): Promise<void> => {
    while (!done.signal.aborted && !lost.signal.aborted) {
      await clock.sleep(renew_every_ms, done.signal)
      try {
        if (!(await imageWork.renew(database.db, lease, image_lease_s))) lost.abort(new LeaseLost('the lease was lost'))
        renewed_at_ms = clock.steady_ms()
      } catch (error) {
        log.warn({ err: error, image: lease.image_id }, "an image's lease could not be renewed")
        if (clock.steady_ms() - renewed_at_ms > (image_lease_s * 1000) / 2) lost.abort(new LeaseLost('no database'))
      }
    }
  }
  const beating = beat().catch(() => undefined)
  const meter = new ProgressMeter(cloud, lease)
  return {
    signal: lost.signal,
    progress: fraction => meter.show(fraction),
    async [Symbol.asyncDispose]() {
      done.abort(new Error('the work has ended'))
      await beating
      await meter.settled
      await imageWork.release(database.db, lease)
    },
  }
}

class ProgressMeter {
  settled: Promise<void> = Promise.resolve()
  private shown_percent = 0
  private shown_at_ms: number
  private readonly cloud: Cloud
  private readonly lease: ImageLease

  constructor(cloud: Cloud, lease: ImageLease) {
    this.cloud = cloud
    this.lease = lease
    this.shown_at_ms = cloud.clock.steady_ms()
  }

  show(fraction: number): void {
    const percent = Math.max(0, Math.min(99, Math.floor(fraction * 100)))
    const steady_ms = this.cloud.clock.steady_ms()
    if (percent === this.shown_percent || steady_ms - this.shown_at_ms < progress_every_ms) return
    this.shown_percent = percent
    this.shown_at_ms = steady_ms
    this.settled = this.settled.then(() => this.write(percent))
  }

  private async write(percent: number): Promise<void> {
    const { cloud, lease } = this
    try {
      await cloud.database.transaction(async tx => {
        const row = await imageWork.setProgress(tx, lease, percent)
        if (!row) return
        await event.record(tx, [
          { noun: 'image', kind: 'changed', resource_id: lease.image_id, project_id: row.project_id },
        ])
      })
    } catch (error) {
      cloud.log.warn({ err: error, image: lease.image_id }, "an image's progress could not be shown")
    }
  }
}
