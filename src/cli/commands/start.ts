/** `croft start`: starts what this machine already is. */
import type { Command } from 'commander'
import { isStartedAtBoot, startAtBoot } from '../../host/boot.ts'
import { type MachineRoles, start, startPersistently } from '../../host/start.ts'
import { configOf, type PlaceOptions, placeOptions, progressHere, tellFailure } from './machine.ts'

type Options = PlaceOptions & { keepTrying?: boolean }

export function register(program: Command): void {
  const command = program
    .command('start')
    .description(
      'Start what this machine already is, controller or host or both, from its own state: after a boot, or after croft down. Needs no token; harmless to run again.',
    )
    .option('--keep-trying', 'try again until it succeeds, as at a boot')
  placeOptions(command).action((options: Options) => tellFailure(() => run(options)))
}

async function run(options: Options): Promise<void> {
  const config = configOf(options)
  const progress = progressHere()
  if (options.keepTrying) {
    // Asked for by the boot itself: who starts Croft at the next one is left as it is.
    const tell = (error: Error, pause_ms: number) =>
      progress.note(`${new Date().toISOString()} ${error.message}\nTrying again in ${pause_ms / 1000} s.`)
    await startPersistently(config, progress.step, { tell, stillWanted: isStartedAtBoot })
    return
  }
  const roles = await start(config, progress.step)
  await progress.step(
    'Start at boot',
    () => startAtBoot(config),
    how => how,
  )
  process.stdout.write(`${said(roles)}\n`)
}

function said({ controller, host }: MachineRoles): string {
  if (host === undefined) return 'The controller runs.'
  return controller ? `The controller runs, and the host ${host}.` : `The host ${host} runs.`
}
