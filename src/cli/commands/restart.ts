/** `croft restart`: one of Croft's own programs begins anew, for a new version. */
import { Argument, type Command } from 'commander'
import { HostError } from '../../host/error.ts'
import { serviceManager } from '../../host/manager.ts'
import { restart, restartable, type Restartable } from '../../host/restart.ts'
import { configOf, type PlaceOptions, placeOptions, progressHere, tellFailure } from './machine.ts'

export function register(program: Command): void {
  const command = program
    .command('restart')
    .description(
      'Have the controller or the agent of this machine begin anew, with the version that is on disk now. Guests go on; hosts of a controller dial another one, or wait for it.',
    )
    .addArgument(new Argument('<which>').choices(restartable))
  placeOptions(command).action((which: Restartable, options: PlaceOptions) =>
    tellFailure(async () => {
      if (process.geteuid?.() !== 0)
        throw new HostError(
          'croft restart is about services of the machine: root only',
          `sudo ./croft restart ${which}`,
        )
      const config = configOf(options)
      await restart(config, which, { manager: serviceManager(config), step: progressHere().step })
      process.stdout.write(`The ${which} runs.\n`)
    }),
  )
}
