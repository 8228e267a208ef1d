/**
 * Shows work as it goes: on a terminal one line that is rewritten in place, elsewhere (logs, CI) one line a step as it ends.
 * Not its job: tables and results, which go to standard output; progress goes to standard error.
 */

export type Show = (detail: string, percent?: number) => void

export type Progress = {
  /** Runs one step under a title. What `work` shows appears beside it; what it gives back in words is kept behind it. */
  step: <T>(title: string, work: (show: Show) => Promise<T>, say?: (result: T) => string) => Promise<T>
  /** A line of its own that stays. */
  note: (text: string) => void
}

export type ProgressOptions = {
  /** Where to write; a terminal's standard error usually. */
  write: (text: string) => void
  /** Rewrite lines, and how wide they may be. Undefined: no terminal. */
  columns?: number | undefined
  color?: boolean
  now_ms?: () => number
}

const frames = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏']
const frame_ms = 100
const bar_width = 20

/** "0.7 s", "1 min 5 s". */
export function duration(ms: number): string {
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`
  return `${Math.floor(ms / 60_000)} min ${Math.round((ms % 60_000) / 1000)} s`
}

/** Fits in `width` columns; what is too long ends in an ellipsis. Counts characters, which is right for what Croft says. */
export function clip(text: string, width: number): string {
  const characters = Array.from(text)
  return characters.length <= width ? text : `${characters.slice(0, Math.max(0, width - 1)).join('')}…`
}

export function bar(percent: number): string {
  const within = Math.min(100, Math.max(0, percent))
  const full = Math.round((within / 100) * bar_width)
  return `${'█'.repeat(full)}${'░'.repeat(bar_width - full)} ${String(Math.round(within)).padStart(3)} %`
}

export function createProgress(options: ProgressOptions): Progress {
  return options.columns === undefined ? plain(options) : live({ ...options, columns: options.columns })
}

/** Progress on standard error, live if that is a terminal. */
export function standardProgress(look: { no_color: boolean; ci: boolean }): Progress {
  const { stderr } = process
  return createProgress({
    write: text => stderr.write(text),
    columns: stderr.isTTY && !look.ci ? stderr.columns || 80 : undefined,
    color: stderr.isTTY && !look.no_color,
  })
}

type Outcome = 'done' | 'failed'

function lastLine(title: string, outcome: Outcome, took_ms: number, words: string, color: boolean): string {
  const paint = (code: number, text: string) => (color ? `\x1b[${code}m${text}\x1b[0m` : text)
  const mark = outcome === 'done' ? paint(32, '✓') : paint(31, '✗')
  const tail = [words, took_ms >= 100 ? duration(took_ms) : ''].filter(text => text !== '').join(', ')
  return `${mark} ${title}${tail ? paint(2, `  ${tail}`) : ''}\n`
}

async function timed<T>(
  options: ProgressOptions,
  title: string,
  work: () => Promise<T>,
  say: ((result: T) => string) | undefined,
  clear: () => void,
): Promise<T> {
  const now_ms = options.now_ms ?? (() => performance.now())
  const from_ms = now_ms()
  const end = (outcome: Outcome, words: string) => {
    clear()
    options.write(lastLine(title, outcome, now_ms() - from_ms, words, options.color ?? false))
  }
  try {
    const result = await work()
    end('done', say?.(result) ?? '')
    return result
  } catch (error) {
    end('failed', '')
    throw error
  }
}

function plain(options: ProgressOptions): Progress {
  return {
    step: (title, work, say) =>
      timed(
        options,
        title,
        () => work(() => undefined),
        say,
        () => undefined,
      ),
    note: text => options.write(`${text}\n`),
  }
}

function live(options: ProgressOptions & { columns: number }): Progress {
  const erase = '\r\x1b[K'
  let line = ''
  return {
    async step(title, work, say) {
      let detail = ''
      let percent: number | undefined
      let tick = 0
      const draw = () => {
        const tail = [percent === undefined ? '' : bar(percent), detail].filter(text => text !== '').join('  ')
        line = clip(`${frames[tick++ % frames.length]} ${title}  ${tail}`, options.columns - 1)
        options.write(erase + line)
      }
      draw()
      const timer = setInterval(draw, frame_ms)
      timer.unref()
      const show: Show = (text, now) => {
        detail = text.split('\n', 1)[0] ?? ''
        percent = now
      }
      return await timed(
        options,
        title,
        () => work(show),
        say,
        () => {
          clearInterval(timer)
          line = ''
          options.write(erase)
        },
      )
    },
    note(text) {
      options.write(`${erase}${text}\n${line}`)
    },
  }
}
