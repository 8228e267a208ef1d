/** How a program of Croft's own is run as a service: on the Node of the lockfile, whatever else the machine has. */
import path from 'node:path'
import { plain_env } from '../../lib/process.ts'

export const root = path.join(import.meta.dirname, '../../..')

/**
 * Both bound what a service keeps after a busy moment, its own start above all. V8's young generation grows (seen: 52 MiB
 * in a controller just linked to a hundred hosts) and is given back only by collections, which do not come while nothing
 * happens. malloc makes up to eight arenas for each core unless told (mallopt(3), M_ARENA_MAX), and every one keeps some.
 */
const young_half_max_mib = { plenty: 16, few: 4 } as const
/** Where Node keeps what it made of Croft's code, which takes a second of each start otherwise. As trusted as the code beside it. */
export const code_cache = path.join(root, 'node_modules/.cache/croft-code')
export const node_env: Readonly<Record<string, string>> = {
  ...plain_env,
  MALLOC_ARENA_MAX: '2',
  NODE_COMPILE_CACHE: code_cache,
}

/** `work`: whether it has plenty to do at times, or never more than a little. */
export function nodeArgv(work: keyof typeof young_half_max_mib, program: string, ...args: readonly string[]): string[] {
  const node = path.join(root, 'node_modules/.bin/node')
  const flags = ['--disable-warning=ExperimentalWarning', `--max-semi-space-size=${young_half_max_mib[work]}`]
  return [node, ...flags, path.join(root, program), ...args]
}
