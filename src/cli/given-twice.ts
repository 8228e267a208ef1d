/** An option that takes one value is said once. Else the last would hold, and what was said before it would be passed over without a word. */
import type { Command, Option } from 'commander'
import { UsageError } from './failure.ts'

/** For this command and all below it. Throws UsageError while the words are read. */
export function refuseTwice(command: Command): void {
  const by_value = Map.groupBy(command.options, option => option.attributeName())
  for (const options of by_value.values()) if (options.some(takesOne)) watch(command, options)
  for (const one of command.commands) refuseTwice(one)
}

/** What has a parser of its own collects what it is given; that of choices only checks. */
function takesOne({ required, optional, parseArg, argChoices, variadic }: Option): boolean {
  return (required || optional) && !variadic && (parseArg === undefined || argChoices !== undefined)
}

/** `options`: those that say the same value, such as --gateway and --no-gateway. */
function watch(command: Command, options: readonly Option[]): void {
  let before: Option | undefined
  for (const option of options) {
    command.on(`option:${option.name()}`, () => {
      if (before === option) throw givenTwice(option)
      if (before) throw new UsageError(`${before.long} and ${option.long} contradict.`, 'Say one of them.')
      before = option
    })
  }
}

/** Also where it was said before the noun and behind the verb (globalsOf). */
export const givenTwice = ({ long }: Option) =>
  new UsageError(`${long} was given twice; it takes one value.`, 'Say it once.')
