/** Runs a command line to its end, and tells how it ended by exit code. */
import { type Command, CommanderError } from 'commander'
import type { ClientEnvironment } from '../client-environment.ts'
import { plainWords } from './build-command.ts'
import { loadNouns } from './contract.ts'
import { describeFailure, exit_codes, exitCodeOf, failureDocument, UsageError } from './failure.ts'
import { asHelp } from './help.ts'
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
  const as_json = saysJson(words)
  if (as_json) silence(program)
  try {
    if (words.length === 0) program.outputHelp()
    else await program.parseAsync(asHelp(program, words), { from: 'user' })
    // A command of this machine may have set another.
    return process.exitCode === undefined ? exit_codes.ok : Number(process.exitCode)
  } catch (error) {
    if (error instanceof CommanderError) {
      if (error.exitCode === 0) return exit_codes.ok
      if (as_json) process.stderr.write(`${JSON.stringify(failureDocument(usageOf(error, helpOf(program, words))))}\n`)
      return exit_codes.usage
    }
    process.stderr.write(as_json ? `${JSON.stringify(failureDocument(error))}\n` : describeFailure(error))
    return exitCodeOf(error)
  }
}

/** What stands behind `--` is for somebody else. */
function saysJson(words: readonly string[]): boolean {
  const end = words.indexOf('--')
  return words.slice(0, end < 0 ? words.length : end).includes('--json')
}

/** What is wrong with the words is told as JSON, and not in commander's words before that. */
function silence(program: Command): void {
  program.configureOutput({ writeErr: () => undefined, outputError: () => undefined })
  for (const command of program.commands) silence(command)
}

/** As of any other failure. A command that lacks its verb shows its help otherwise, and says nothing. */
function usageOf({ code, message }: CommanderError, help: string): UsageError {
  const is_help = code === 'commander.help' || message === '(outputHelp)'
  const said = is_help ? 'A command is missing.' : message.replace(/^error: /, '').replaceAll(/\s*\n\s*/g, ' ')
  return new UsageError(said, `${help} tells what there is.`)
}

/** Of the command that the words come to, as far as there is one. */
function helpOf(program: Command, words: readonly string[]): string {
  const path = ['croft']
  let at: Command | undefined = program
  for (const word of plainWords(words)) {
    at = at.commands.find(command => command.name() === word)
    if (!at) break
    path.push(word)
  }
  return `${path.join(' ')} --help`
}
