/**
 * What a supervisor keeps on disk of its services, so that its successor can take them over: in run_dir/services one NAME.json
 * for each service that was asked for, replaced whole on each change.
 */
import { readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { isAlive, isErrno, type ProcessId } from '../lib/process.ts'
import type { Service } from './service.ts'

/** The boot's id makes the start time in ProcessId mean something after a reboot. */
export type Kept = { order: number; service: Service; process: ProcessId | null; boot_id: string }

export const bootId = () => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()

export const servicesFolder = (run_dir: string) => path.join(run_dir, 'services')
const fileOf = (run_dir: string, name: string) => path.join(servicesFolder(run_dir), `${name}.json`)

export function keepService(run_dir: string, kept: Kept): void {
  const file = fileOf(run_dir, kept.service.name)
  writeFileSync(`${file}.new`, JSON.stringify(kept), { mode: 0o600 })
  renameSync(`${file}.new`, file)
}

export function forgetService(run_dir: string, name: string): void {
  rmSync(fileOf(run_dir, name), { force: true })
}

/** Whether the very process that was kept is alive. */
export function stillRuns({ process, boot_id }: Kept): boolean {
  return process !== null && boot_id === bootId() && isAlive(process)
}

/**
 * In the order in which they were first started; none where nothing was ever kept. A file that is half or nonsense is
 * reported and left: a service is then found running by its own lock or port.
 */
export function readKept(run_dir: string, log: (text: string) => void): Kept[] {
  const folder = servicesFolder(run_dir)
  const all: Kept[] = []
  for (const name of namesIn(folder).filter(name => name.endsWith('.json'))) {
    try {
      all.push(JSON.parse(readFileSync(path.join(folder, name), 'utf8')) as Kept)
    } catch (error) {
      log(`${path.join(folder, name)} cannot be read and is left out: ${String(error)}`)
    }
  }
  return all.sort((a, b) => a.order - b.order)
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return []
    throw error
  }
}
