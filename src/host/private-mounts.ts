/**
 * Becomes another program (same process id) that sees some files replaced by others; nobody else does. To be run in
 * a mount namespace of its own (unshare --mount --propagation slave).
 *
 *   private-mounts.ts [--over SOURCE:TARGET]... [--over-for-reading SOURCE:TARGET]... -- PROGRAM ARGUMENT...
 *
 * What is put over for reading cannot be written, by root either (access(2) says so): SOURCE is a file, and no device.
 */
import { parseArgs } from 'node:util'
import { plain_env, runOk } from '../lib/process.ts'

const { values, positionals } = parseArgs({
  options: {
    over: { type: 'string', multiple: true, default: [] },
    'over-for-reading': { type: 'string', multiple: true, default: [] },
  },
  allowPositionals: true,
})

async function putOver(pair: string): Promise<string> {
  const [source = '', target = ''] = pair.split(':', 2)
  await runOk(['mount', '--bind', source, target])
  return target
}

for (const pair of values.over) await putOver(pair)
for (const pair of values['over-for-reading']) {
  await runOk(['mount', '-o', 'remount,bind,ro', await putOver(pair)])
}
const [program] = positionals
if (program === undefined || !process.execve) throw new TypeError('no program to become, or a Node without execve(2)')
process.execve(program, positionals, { ...plain_env })
