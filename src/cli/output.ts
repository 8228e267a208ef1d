/** Where a command writes: answers to standard output, everything said beside them to standard error. */
import { createProgress, type Progress } from './progress.ts'

export interface Output {
  /** Answers as JSON. */
  readonly json: boolean
  /** Nothing beside the answer; of things only their ids. */
  readonly quiet: boolean
  readonly color: boolean
  /** Of the terminal that answers go to; undefined when they go to a file or a program. */
  readonly width: number | undefined
  readonly height: number
  /** Progress is redrawn as it goes. */
  readonly live: boolean
  print(text: string): void
  /** One JSON document, or one of several with `line`. */
  printJson(value: unknown, line?: 'line'): void
  note(text: string): void
  progress(): Progress
}

export interface OutputOptions {
  json: boolean
  quiet: boolean
  color: boolean
  ci: boolean
}

/** The reader went away, as `head` does: there is nothing left to do, and nothing to complain of. */
export function endWithReader(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error
    process.exit(0)
  })
}

export function standardOutput({ json, quiet, color, ci }: OutputOptions): Output {
  const { stdout, stderr } = process
  const live = stderr.isTTY && !ci && !json && !quiet
  return {
    live,
    json,
    quiet,
    color: color && stdout.isTTY,
    width: stdout.isTTY ? stdout.columns || 80 : undefined,
    height: stdout.rows || 24,
    print: text => stdout.write(text),
    printJson: (value, line) => stdout.write(`${JSON.stringify(value, null, line ? undefined : 2)}\n`),
    note: text => {
      if (!quiet && !json) stderr.write(`${text}\n`)
    },
    progress: () =>
      createProgress({
        write: text => {
          if (!quiet && !json) stderr.write(text)
        },
        columns: live ? stderr.columns || 80 : undefined,
        color: color && stderr.isTTY,
      }),
  }
}
