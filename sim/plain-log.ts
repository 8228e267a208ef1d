/** What a controller logs, a line each for a person to read between the lines that a playground tells. Not its job: files for programs. */
interface Logged {
  level: number
  msg?: string
  err?: { message?: string }
}

/** Of a line of JSON as pino writes it. */
export function plain(line: string): string {
  const { level, msg = '', err } = JSON.parse(line) as Logged
  const word = level >= 50 ? 'error' : level >= 40 ? 'warning' : 'note'
  return `${word}: ${inOneLine(msg, err?.message)}\n`
}

/** What an agent of a simulated host says is wrong. `detail`: with the error in a field of either name. */
export function plainOfHost(name: string, detail: object, text: string): string {
  const { err, error } = detail as Record<'err' | 'error', { message?: string } | undefined>
  return `error: ${inOneLine(`${name}: ${text}`, (err ?? error)?.message)}`
}

/** What says the same is said once. */
function inOneLine(...words: (string | undefined)[]): string {
  return [...new Set(words)]
    .filter(Boolean)
    .join(': ')
    .replaceAll(/\s*\n\s*/g, ' ')
}
