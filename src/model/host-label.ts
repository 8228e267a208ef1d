/** Whether a host has the label that is asked for. */

/** `asked`: a key, whatever its value, or KEY=VALUE; either may have more of `=` in it. The database has the same (store/host-asked.ts). */
export function hasLabel(labels: Readonly<Record<string, string>>, asked: string): boolean {
  return Object.entries(labels).some(([key, value]) => asked === key || asked === `${key}=${value}`)
}
