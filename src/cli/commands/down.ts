/** `croft down`: stops what `croft up` started. */
import { type Command, Option } from 'commander'
import { down } from '../../host/down.ts'
import { configOf, type PlaceOptions, placeOptions, progressHere, tellFailure } from './machine.ts'

type Options = PlaceOptions & { guests: 'keep' | 'stop' }

export function register(program: Command): void {
  const command = program
    .command('down')
    .description(
      'Stop what `croft up` started, until `croft start` or `croft up`; nothing is deleted, and guests go on unless said otherwise.',
    )
    .addOption(new Option('--guests <what>', 'whether guests go on').choices(['keep', 'stop']).default('keep'))
  placeOptions(command).action((options: Options) => tellFailure(() => run(options)))
}

async function run(options: Options): Promise<void> {
  const stopped = await down({ config: configOf(options), guests: options.guests }, progressHere().step)
  process.stdout.write(
    stopped.length === 0 ? 'Nothing was running.\n' : 'The cloud is down. croft up brings it back.\n',
  )
}
