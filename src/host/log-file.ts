/**
 * Log files of services. A service writes into its file itself (opened for appending and handed to it), so nothing is lost when
 * the supervisor dies; the supervisor turns the files over when they have grown.
 */
import { closeSync, copyFileSync, openSync, readSync, renameSync, rmSync, statSync, truncateSync } from 'node:fs'
import { isErrno } from '../lib/process.ts'

export const log_size_max = 16 * 1024 * 1024
const generations = 4

function sizeOf(file: string): number {
  try {
    return statSync(file).size
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return 0
    throw error
  }
}

/**
 * If the file is larger than `max_bytes`: copies it to FILE.1 (FILE.1 to FILE.2, …) and empties it. Its writers append,
 * so they go on at the new end; a line written between copy and cut is lost, as with logrotate's copytruncate.
 */
export function rotate(file: string, max_bytes = log_size_max): boolean {
  if (sizeOf(file) <= max_bytes) return false
  for (let n = generations - 1; n >= 1; n--)
    if (sizeOf(`${file}.${n}`) > 0) renameSync(`${file}.${n}`, `${file}.${n + 1}`)
  try {
    copyFileSync(file, `${file}.1`)
  } catch {
    // Most likely the disk is full. An old log is the first thing to do without; kept growing, it would be what fills it.
    rmSync(`${file}.1`, { force: true })
  }
  truncateSync(file)
  return true
}

/** Opens for appending; the caller closes the descriptor once the child has it. */
export function openLog(file: string): number {
  return openSync(file, 'a', 0o640)
}

/** The text at the end of a file, from byte `from` on, at most `max_bytes` of it; '' if there is no file. */
export function readTail(file: string, from = 0, max_bytes = 8192): string {
  const size = sizeOf(file)
  const start = Math.max(from <= size ? from : 0, size - max_bytes)
  if (start >= size) return ''
  const buffer = Buffer.alloc(size - start)
  const descriptor = openSync(file, 'r')
  try {
    return buffer.subarray(0, readSync(descriptor, buffer, 0, buffer.length, start)).toString('utf8')
  } finally {
    closeSync(descriptor)
  }
}

export const logSize = sizeOf

/**
 * A log's text for people: lines of JSON, as Croft's own programs write them (pino), become their message and the cause's;
 * all other lines stay as they are.
 */
export function plainLog(text: string): string {
  return text
    .split('\n')
    .map(line => (line.startsWith('{') ? messageOf(line) : line))
    .join('\n')
}

function messageOf(line: string): string {
  try {
    const { msg, err } = JSON.parse(line) as { msg?: unknown; err?: { message?: unknown } }
    if (typeof msg !== 'string') return line
    const cause = err?.message
    if (typeof cause !== 'string' || msg.includes(cause)) return msg
    // Where the message is the error's own, pino has put the errors behind it there, too.
    return cause.startsWith(msg) ? cause : `${msg}: ${cause}`
  } catch {
    // Cut off at the tail's beginning, or not JSON after all.
    return line
  }
}
