/**
 * Turns any image that inspect() accepts into a qcow2 of its own: nothing of the source's structure is kept, so what a
 * guest is given was written here. An ISO stays as it is: it is put into a CD-ROM drive, and has no structure but its bytes.
 * Not its job: where images are kept.
 */
import { constants, copyFile, open, rename, rm } from 'node:fs/promises'
import { CommandError, runCommand } from './command.ts'
import { DiskImageError } from './error.ts'
import { type DiskImage, type InspectOptions, inspect, qemuSource } from './inspect.ts'

export interface NormaliseOptions extends InspectOptions {
  /** Smaller, slower to write. */
  compress?: boolean
  /** From 0 to 1. */
  on_progress?: (fraction: number) => void
  /** For the conversion; an hour when not given. */
  convert_timeout_ms?: number
}

/** Exit statuses of qemu-img check that are no reason to refuse. */
const check_status = { only_leaks: 3, not_supported: 63 } as const

/** Writes `out` whole or not at all, and says what it is. Throws DiskImageError, or the signal's reason when aborted. */
export async function normalise(path: string, out: string, options: NormaliseOptions = {}): Promise<DiskImage> {
  const source = await inspect(path, options)
  const fresh = `${out}.${process.pid}.new`
  try {
    if (source.format === 'iso') await copyWhole(path, fresh)
    else {
      await checkStructure(path, source, options)
      await convert(path, fresh, source, options)
    }
    const file = await open(fresh, 'r+')
    await file.sync().finally(() => file.close())
    const result = await inspect(fresh, options)
    await rename(fresh, out)
    return result
  } catch (error) {
    await rm(fresh, { force: true })
    throw error
  }
}

/** At once where the file system shares blocks. */
async function copyWhole(path: string, out: string): Promise<void> {
  try {
    await copyFile(path, out, constants.COPYFILE_FICLONE)
  } catch (cause) {
    const no_room = cause instanceof Error && 'code' in cause && cause.code === 'ENOSPC'
    const advice = no_room ? 'The disk is full: make room and try again.' : 'Look at where images are kept.'
    throw new DiskImageError('tool_failed', `The image could not be copied. ${advice}`, { no_room }, { cause })
  }
}

/**
 * What lies beyond the end of a truncated file would be read as zeros without a word, so the structure is checked first,
 * where QEMU can do that for the format. Blocks that are merely lost (status 3) are no fault of the content.
 */
async function checkStructure(path: string, source: DiskImage, options: NormaliseOptions): Promise<void> {
  try {
    await runCommand(['qemu-img', 'check', '-q', '-U', qemuSource(path, source.format)], {
      timeout_ms: options.convert_timeout_ms ?? 3_600_000,
      limits: { memory_bytes: 2 * 1024 ** 3, file_bytes: 0 },
      ...(options.signal ? { signal: options.signal } : {}),
    })
  } catch (cause) {
    if (!(cause instanceof CommandError)) throw cause
    if (cause.exit_code === check_status.only_leaks || cause.exit_code === check_status.not_supported) return
    const advice = 'It was probably not copied whole, or its disk was in use meanwhile; copy it again'
    throw new DiskImageError('corrupt', `The image is damaged: ${cause.message}. ${advice}.`, {}, { cause })
  }
}

async function convert(path: string, out: string, source: DiskImage, options: NormaliseOptions): Promise<void> {
  const flags = options.compress ? ['-c'] : ['-W']
  const target = ['-O', 'qcow2', '-o', 'compat=1.1,lazy_refcounts=off', qemuSource(path, source.format), out]
  try {
    await runCommand(['qemu-img', 'convert', '-p', '-U', ...flags, ...target], {
      timeout_ms: options.convert_timeout_ms ?? 3_600_000,
      // A qcow2 never needs much more than the disk it holds.
      limits: {
        memory_bytes: 2 * 1024 ** 3,
        file_bytes: Math.ceil(source.virtual_size_bytes * 1.05) + 64 * 1024 * 1024,
      },
      ...(options.signal ? { signal: options.signal } : {}),
      on_output: text => {
        const percent = /\((\d+(?:\.\d+)?)\/100%\)[^(]*$/.exec(text)?.[1]
        if (percent) options.on_progress?.(Number(percent) / 100)
      },
    })
  } catch (cause) {
    if (!(cause instanceof CommandError)) throw cause
    const noRoom = /No space left on device/.test(cause.stderr)
    const advice = noRoom
      ? 'The disk is full: make room and try again'
      : 'Its data may be damaged: check how it was copied'
    throw new DiskImageError(
      'tool_failed',
      `The image could not be converted: ${cause.message} ${advice}.`,
      { no_room: noRoom },
      { cause },
    )
  }
}
