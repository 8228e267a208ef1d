/**
 * What up, down and doctor have in common: options that say where things are on this machine, and how failures are told.
 * Not its job: commands that talk to the API.
 */
import type { Command } from 'commander'
import { clientEnvironment, type Config, type ConfigFile, loadConfig } from '../../config.ts'
import { HostError } from '../../host/error.ts'
import { isErrno, ProgramError } from '../../lib/process.ts'
import { ApiProblem, ConnectionFailed } from '../../sdk/errors.ts'
import { standardProgress } from '../progress.ts'

export type PlaceOptions = { state?: string; config?: string }

export function placeOptions(command: Command): Command {
  return command
    .option('--state <dir>', 'where database, images and disks are kept (default: /var/lib/croft)')
    .option('--config <file>', 'the configuration file (default: /etc/croft/croft.conf)')
}

export function configOf(place: PlaceOptions, said: ConfigFile = {}): Config {
  return loadConfig({
    ...said,
    ...(place.state === undefined ? {} : { state_dir: place.state }),
    ...(place.config === undefined ? {} : { config_file: place.config }),
  })
}

export const progressHere = () => standardProgress(clientEnvironment())

/** Runs a command; a HostError is told in plain words, with what to do, and ends with code 1. */
export async function tellFailure(work: () => Promise<void>): Promise<void> {
  try {
    await work()
  } catch (error) {
    const told = isErrno(error, 'ENOSPC') ? diskFull(error) : asHostError(error)
    if (!(told instanceof HostError)) throw error
    process.stderr.write(`\ncroft: ${told.message}\n${told.mend === undefined ? '' : `\n  ${told.mend}\n`}`)
    process.exitCode = 1
  }
}

/** What a program or the API said of its failure is all that there is to say. */
function asHostError(error: unknown): unknown {
  const tells = error instanceof ProgramError || error instanceof ApiProblem || error instanceof ConnectionFailed
  return tells ? new HostError(error.message, undefined, { cause: error }) : error
}

function diskFull(error: unknown): HostError {
  const file = error instanceof Error && 'path' in error ? ` (writing ${String(error.path)})` : ''
  return new HostError(`the disk is full${file}`, 'Free some space, then run it again: it goes on where it stopped.', {
    cause: error,
  })
}
