/**
 * Which of Open vSwitch's datapaths this host can use: the kernel's ('system', fast) where the module is there, otherwise
 * the one in user space ('netdev'), which needs care with checksums and tunnels (`finishChecksums`, tunnel-nic.ts).
 */
import { ProgramFailure, runProgram } from '../../../lib/linuxnet/program.ts'
import { Failure } from '../../ports.ts'
import type { Datapath } from './vswitch.ts'

export type DatapathChoice = 'auto' | Datapath

/** Throws Failure when 'system' is asked for and the kernel does not have it. */
export async function chooseDatapath(choice: DatapathChoice): Promise<Datapath> {
  if (choice === 'netdev') return 'netdev'
  const why_not = await kernelDatapathMissing()
  if (why_not === undefined) return 'system'
  if (choice === 'auto') return 'netdev'
  throw new Failure(
    `The kernel has no Open vSwitch datapath (${why_not}). Install the module (Debian: it is part of linux-image-amd64) or set the datapath to "auto" or "netdev".`,
  )
}

async function kernelDatapathMissing(): Promise<string | undefined> {
  try {
    await runProgram(['modprobe', 'openvswitch'])
  } catch (error) {
    // Built in, or loaded while loading is forbidden now: what counts is the next answer.
    if (!(error instanceof ProgramFailure)) throw error
  }
  try {
    await runProgram(['ovs-dpctl', 'dump-dps'])
    return undefined
  } catch (error) {
    if (error instanceof ProgramFailure) return error.stderr.trim().split('\n')[0] ?? 'ovs-dpctl failed'
    throw error
  }
}
