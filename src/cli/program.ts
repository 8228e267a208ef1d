/**
 * The command line: `croft NOUN VERB …` from the contract, with hand-made commands on top. Only the noun and verb that are
 * asked for are built in full, and only their code is loaded.
 */
import { Command } from 'commander'
import type { ClientEnvironment } from '../client-environment.ts'
import { version } from '../model/version.ts'
import {
  addCommonOptions,
  addFields,
  givenOf,
  globalsOf,
  type Options,
  plainWords,
  takesMany,
  targetsOf,
} from './build-command.ts'
import { type CommandShape, commandShape } from './command-shape.ts'
import { comfortOf, handMade, type HandMade } from './comfort.ts'
import { connect } from './connect.ts'
import type { Context } from './context.ts'
import type { Nouns } from './contract.ts'
import { examplesText, first_examples } from './examples.ts'
import { refuseTwice } from './given-twice.ts'
import { nounWords } from './noun-words.ts'
import { type Output, standardOutput } from './output.ts'
import { runCommand } from './run.ts'
import type { Comfort, Shop } from './shop.ts'

/** What is wrong with a command's words is told with where its own help is, and not that of what it is in. */
class HintedCommand extends Command {
  override createCommand(name?: string): Command {
    return new HintedCommand(name)
  }

  override copyInheritedSettings(within: Command): this {
    super.copyInheritedSettings(within)
    const path = [this.name()]
    for (let at: Command | null = within; at; at = at.parent) path.unshift(at.name())
    return this.showHelpAfterError(`(${path.join(' ')} --help tells what there is)`)
  }
}

/** `words`: the command line after `croft`; it decides what is built. */
export async function buildProgram(words: readonly string[], nouns: Nouns, env: ClientEnvironment): Promise<Command> {
  const program = new HintedCommand('croft')
    .description('Turns Linux servers into a cloud: croft THING VERB … Things are named by name or by id.')
    .version(version, '-V, --version')
    .enablePositionalOptions()
    .showHelpAfterError('(--help tells what there is)')
    .exitOverride()
    .configureOutput({ outputError: (text, write) => write(text.replace(/^error: /, 'croft: ')) })
  addCommonOptions(program)
  program.addHelpText('after', examplesText(first_examples))
  const [noun = '', verb = ''] = plainWords(words)
  const shop = shopOf(program, nouns, env)
  for (const made of handMade) await addHandMade(program, made, noun, shop)
  program.commandsGroup('Things, each with what can be done to it (croft THING --help):')
  for (const [name, routes] of Object.entries(nouns)) {
    const shown = Object.values(routes).filter(route => !route.cli?.hidden)
    const first = routes.list ?? shown[0]
    if (!first || shown.length === 0) continue
    const said = nounWords[name] ?? first.summary
    const command = program.command(name).summary(said).description(sentence(said))
    if (name === noun) await fillNoun(command, name, verb, shop)
  }
  refuseTwice(program)
  return program
}

const sentence = (words: string) => `${words.charAt(0).toUpperCase()}${words.slice(1)}.`

function shopOf(program: Command, nouns: Nouns, env: ClientEnvironment): Shop {
  return { nouns, env, contextOf: command => makeContext(globalsOf(command, program), nouns, env) }
}

function makeContext(globals: Context['globals'], nouns: Nouns, env: ClientEnvironment): Context {
  const color = globals.color && !env.no_color && env.terminal !== 'dumb'
  let client: ReturnType<Context['client']> | undefined
  let out: Output | undefined
  return {
    env,
    globals,
    nouns,
    get out() {
      return (out ??= standardOutput({ json: globals.json, quiet: globals.quiet, color, ci: env.ci }))
    },
    client: () => (client ??= connect(env, globals, nouns)),
  }
}

async function fillNoun(parent: Command, noun: string, asked: string, shop: Shop): Promise<void> {
  const comfort = await comfortOf(noun)
  for (const [verb, route] of Object.entries(shop.nouns[noun] ?? {})) {
    if (route.cli?.hidden) continue
    const command = parent.command(verb).summary(route.summary)
    if (verb === asked) fillVerb(command, commandShape(route, shop.nouns), comfort, shop)
  }
  comfort?.extend(parent, shop)
  for (const command of parent.commands) if (command.name() === asked) addCommonOptions(command)
}

function fillVerb(command: Command, shape: CommandShape, comfort: Comfort | undefined, shop: Shop): void {
  const instead = comfort?.instead?.[shape.verb]
  const many = instead === undefined && takesMany(shape)
  addFields(command, shape, many)
  command.action(async (...given: unknown[]) => {
    const context = shop.contextOf(command)
    const options = command.opts<Options>()
    if (instead) return instead(context, command, given, shape)
    const modes = {
      wait: options.wait === true && shape.has_operation,
      watch: options.watch === true,
      if_version: typeof options.ifVersion === 'string' ? Number(options.ifVersion) : undefined,
    }
    const prepare = comfort?.prepare?.[shape.verb]?.(context, options)
    if (!many) return runCommand(context, shape, givenOf(command, shape, given), modes, prepare)
    const targets = targetsOf(command, shape, given)
    const [only, ...others] = targets
    if (only && others.length === 0) return runCommand(context, shape, only.given, modes, prepare)
    const { runMany } = await import('./run-many.ts')
    return runMany(context, shape, targets, modes, prepare)
  })
}

async function addHandMade(program: Command, made: HandMade, asked: string, shop: Shop): Promise<void> {
  program.commandsGroup(made.group)
  if (made.name !== asked) program.command(made.name).summary(made.summary)
  else await made.load(program, shop)
}
