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
  return `${word}: ${[msg, err?.message]
    .filter(Boolean)
    .join(': ')
    .replaceAll(/\s*\n\s*/g, ' ')}\n`
}
