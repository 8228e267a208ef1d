/**
 * `croft help host get`, `croft host help get` and `croft host get --help` are the same. Help of what there is not is refused as
 * that itself would be, with what it is like.
 */
import type { Command } from 'commander'

/** The words as the program is to read them. */
export function asHelp(program: Command, words: readonly string[]): readonly string[] {
  const [first, second] = words
  const noun = program.commands.find(command => command.name() === first)
  const at = first === 'help' ? 0 : second === 'help' && (noun?.commands.length ?? 0) > 0 ? 1 : -1
  const path = at < 0 ? words.filter(word => word !== '--help' && word !== '-h') : words.toSpliced(at, 1)
  if (at < 0 && path.length === words.length) return words
  const unknown = firstUnknown(program, path)
  if (unknown !== undefined) return path.slice(0, unknown + 1)
  return at < 0 ? words : [...path, '--help']
}

/** Where the first word stands that no command is called by, though one must stand there. */
function firstUnknown(program: Command, path: readonly string[]): number | undefined {
  let command = program
  for (const [at, word] of path.entries()) {
    // With options in between it is for commander to say what is what.
    if (command.commands.length === 0 || word.startsWith('-')) return undefined
    const next = command.commands.find(one => one.name() === word)
    if (!next) return at
    command = next
  }
  return undefined
}
