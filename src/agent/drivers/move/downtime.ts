/**
 * How long a guest may be paused at its switch-over: little at first, so that one that changes little of its memory hardly notices; more
 * with each time that what changed meanwhile was too much for that, up to what is allowed. Pure.
 */
const first_ms = 30
/** QEMU's own, of who does not say. */
const usual_ms = 300
const step = 3
/**
 * Of who forgets, until all of the memory was sent once: QEMU stops the guest in the middle of that once the rest takes no longer, so the less
 * the better. But it looks ten times a second at what it may (BUFFER_DELAY in its migration.c): what takes less than that to send would be sent,
 * and the next round begin, before it knows better.
 */
const forgetful_first_ms = 200
/** For more than a guest changes while all of its memory is sent once. How long it really pauses is what that takes to send. */
const forgetful_ms = 2000
/** All of the memory, and once more what changed meanwhile: from then on it is likely not to become less by itself. */
const passes = 3

/**
 * What a move aims at: `first_ms` until QEMU has been through the memory often enough, then more and more, up to `max_ms`. `forgets`: that at
 * once, as soon as it has been through it once.
 */
export interface Pauses {
  readonly first_ms: number
  readonly max_ms: number
  readonly forgets: boolean
}

/** What is asked of a move. */
interface Asked {
  readonly downtime_ms_max?: number
  readonly bandwidth_mib_s?: number
}

/**
 * `forgets`: QEMU may not know any more what the guest has written (`forgetsWrites`): what it wrote between the end of a round over the memory and
 * the next time that it empties its TLB by itself. So what one round leaves is sent while the guest stands still, seconds though that may take, and
 * whatever is asked for. Not from the first on: then QEMU stops the guest in the middle of the first round. With little bandwidth rounds are longer
 * by themselves, and seconds would be all of a small guest's memory.
 */
export function pausesOf({ downtime_ms_max: asked_ms = usual_ms, bandwidth_mib_s }: Asked, forgets: boolean): Pauses {
  if (!forgets) return { first_ms: Math.min(first_ms, asked_ms), max_ms: asked_ms, forgets }
  if (bandwidth_mib_s !== undefined) return { first_ms: usual_ms, max_ms: Math.max(usual_ms, asked_ms), forgets }
  return { first_ms: forgetful_first_ms, max_ms: Math.max(forgetful_ms, asked_ms), forgets }
}

/** What is aimed at next; `iteration`: how often QEMU has begun with the memory. */
export function nextDowntime(now_ms: number, iteration: number, { max_ms, forgets }: Pauses): number {
  if (forgets) return iteration < 2 ? now_ms : max_ms
  return iteration < passes ? now_ms : Math.min(now_ms * step, max_ms)
}
