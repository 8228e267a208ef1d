/** What hand-made commands are given, and what they give. Types only: comfort.ts lists them, program.ts puts them in. */
import type { Command } from 'commander'
import type { ClientEnvironment } from '../client-environment.ts'
import type { Options } from './build-command.ts'
import type { CommandShape } from './command-shape.ts'
import type { Context } from './context.ts'
import type { Nouns } from './contract.ts'
import type { Prepare } from './run.ts'

/** What a hand-made command is given. */
export interface Shop {
  nouns: Nouns
  env: ClientEnvironment
  /** For the action of a command: what was said, and the way to the API. */
  contextOf(command: Command): Context
}

export type Instead = (
  context: Context,
  command: Command,
  words: readonly unknown[],
  shape: CommandShape,
) => Promise<void>

/** What is hand-made about a noun, beside what the contract gives. */
export interface Comfort {
  /** Adds commands to the noun's, and options to those that are there. */
  extend(noun: Command, shop: Shop): void
  /** By verb: fills a request with what the added options say. */
  prepare?: Readonly<Record<string, (context: Context, options: Options) => Prepare>>
  /** By verb: runs it in place of the contract's way. */
  instead?: Readonly<Record<string, Instead>>
}
