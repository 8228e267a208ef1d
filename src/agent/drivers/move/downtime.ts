/**
 * How long a guest may be paused at its switch-over: little at first, so that one that changes little of its memory hardly notices; more
 * with each time that what changed meanwhile was too much for that, up to what is allowed. Pure.
 */
const first_ms = 30
/** QEMU's own, of who does not say. */
const usual_ms = 300
const step = 3
/** All of the memory, and once more what changed meanwhile: from then on it is likely not to become less by itself. */
const passes = 3

export function firstDowntime(max_ms = usual_ms): number {
  return Math.min(first_ms, max_ms)
}

/** What is aimed at next; `iteration`: how often QEMU has begun with the memory. */
export function nextDowntime(now_ms: number, iteration: number, max_ms = usual_ms): number {
  return iteration < passes ? now_ms : Math.min(now_ms * step, max_ms)
}
