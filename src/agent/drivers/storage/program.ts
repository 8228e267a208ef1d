/** The programs that make disks, with their failures in words for the owner of the disk. */
import { ProgramFailure, runProgram } from '../../../lib/linuxnet/program.ts'
import { Failure } from '../../ports.ts'

export function qemuImg(argv: readonly string[]): Promise<void> {
  return runDiskProgram(['qemu-img', ...argv])
}

export async function runDiskProgram(argv: readonly [string, ...string[]]): Promise<void> {
  try {
    await runProgram(argv)
  } catch (error) {
    if (!(error instanceof ProgramFailure)) throw error
    const full = error.stderr.includes('No space left on device')
    throw new Failure(
      full
        ? "The host's pool is full, so the disk could not be made. Free some room, or use another host."
        : `The disk could not be made: ${error.message}`,
      { cause: error, elsewhere: full },
    )
  }
}
