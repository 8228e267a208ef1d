/** The web UI, built on this machine when it is not there yet or older than its sources. */
import { plain_env, run } from '../../lib/process.ts'
import { HostError } from '../error.ts'
import { nodeArgv } from '../services/node.ts'
import type { Show } from '../step.ts'

/** In words what was done. */
export async function buildUi(show: Show): Promise<string> {
  show('built when it is new, which takes seconds')
  const { code, stdout, stderr } = await run(nodeArgv('plenty', 'scripts/ui/build.ts'), { env: plain_env })
  if (code !== 0)
    throw new HostError(
      `the web UI could not be built: ${stderr.trim().split('\n').slice(-5).join('\n')}`,
      'See all of it: npm run build:ui',
    )
  return stdout.trim().split('\n').at(-1) ?? ''
}
