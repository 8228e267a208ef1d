/** `croft`: the command line's first file. Answers what can be answered without loading anything; the rest is in program.ts. */
import { enableCompileCache } from 'node:module'
import path from 'node:path'
import { clientEnvironment } from '../client-environment.ts'
import { version } from '../model/version.ts'

const [first, ...rest] = process.argv.slice(2)
if ((first === '--version' || first === '-V') && rest.length === 0) process.stdout.write(`${version}\n`)
else await main(process.argv.slice(2))

async function main(words: readonly string[]): Promise<void> {
  const env = clientEnvironment()
  const cache_home = env.cache_home ?? (env.home && path.join(env.home, '.cache'))
  const cache_dir = cache_home && path.join(cache_home, 'croft')
  // In the user's own folder: what lies in a shared one, others could have put there. Halves the time to the first request.
  if (cache_dir) enableCompileCache(path.join(cache_dir, 'code'))
  const { run } = await import('./start.ts')
  process.exitCode = await run(words, env, cache_dir)
}
