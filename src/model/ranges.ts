/** Lists of CPUs for people. */

/** 0,1,2,3,8 is 0-3, 8. */
export function ranges(cpus: readonly number[]): string {
  const parts: [number, number][] = []
  for (const cpu of cpus.toSorted((one, other) => one - other)) {
    const last = parts.at(-1)
    if (last && cpu === last[1] + 1) last[1] = cpu
    else parts.push([cpu, cpu])
  }
  return parts.map(([from, to]) => (from === to ? `${from}` : `${from}-${to}`)).join(', ')
}
