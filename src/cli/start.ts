/** Runs a command line to its end, and tells how it ended by exit code. */
import { CommanderError } from 'commander'
import type { ClientEnvironment } from '../client-environment.ts'
import { loadNouns } from './contract.ts'
import { describeFailure, exit_codes, exitCodeOf, failureDocument } from './failure.ts'
import { endWithReader } from './output.ts'
import { buildProgram } from './program.ts'

/** Gives the exit code. */
export async function run(
  words: readonly string[],
  env: ClientEnvironment,
  cache_dir: string | undefined,
): Promise<number | undefined> {
  endWithReader()
  const nouns = await loadNouns(cache_dir)
  if (words[0] === '__complete') {
    const { complete } = await import('./complete.ts')
    return complete(words.slice(1), nouns, env)
  }
  const program = await buildProgram(words, nouns, env)
  try {
    if (words.length === 0) program.outputHelp()
    else await program.parseAsync(words, { from: 'user' })
    // A command of this machine may have set another.
    return process.exitCode === undefined ? exit_codes.ok : Number(process.exitCode)
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? exit_codes.ok : exit_codes.usage
    const as_json = words.includes('--json')
    process.stderr.write(as_json ? `${JSON.stringify(failureDocument(error))}\n` : describeFailure(error))
    return exitCodeOf(error)
  }
}
