/**
 * Becomes another program (same process id) that sees some files replaced by others; nobody else does. To be run in
 * a mount namespace of its own (unshare --mount --propagation slave).
 *
 *   private-mounts.ts [--over SOURCE:TARGET]... -- PROGRAM ARGUMENT...
 */
import { parseArgs } from 'node:util'
import { plain_env, runOk } from '../lib/process.ts'

const { values, positionals } = parseArgs({
  options: { over: { type: 'string', multiple: true, default: [] } },
  allowPositionals: true,
})
for (const pair of values.over) {
  const [source = '', target = ''] = pair.split(':', 2)
  await runOk(['mount', '--bind', source, target])
}
const [program] = positionals
if (program === undefined || !process.execve) throw new TypeError('no program to become, or a Node without execve(2)')
process.execve(program, positionals, { ...plain_env })
