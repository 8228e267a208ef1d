/** What a number counts, as the end of its name says: timeout_ms, memory_mib. */

const units: readonly (readonly [ending: RegExp, unit: string | null])[] = [
  // A rate of what has no unit of its own.
  [/_per_s$/, null],
  [/_mib_s$/, 'MiB/s'],
  [/_ms$/, 'milliseconds'],
  [/_s$/, 'seconds'],
  [/_minutes$/, 'minutes'],
  [/_days$/, 'days'],
  [/_mib$/, 'MiB'],
  [/_gib$/, 'GiB'],
  [/_bytes$/, 'bytes'],
  [/_percent$/, 'percent'],
]

/** Null: it counts things, or does not say. */
export function unitOf(name: string): string | null {
  return units.find(([ending]) => ending.test(name))?.[1] ?? null
}
