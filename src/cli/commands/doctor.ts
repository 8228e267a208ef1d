/** `croft doctor`: what is wrong with this machine as a host, and how to mend it. */
import type { Command } from 'commander'
import { clientEnvironment } from '../../config.ts'
import { examine, type Finding } from '../../host/doctor.ts'
import { probeMachine } from '../../host/doctor-probe.ts'
import { configOf, type PlaceOptions, placeOptions, tellFailure } from './machine.ts'

type Options = PlaceOptions & { json?: boolean }

export function register(program: Command): void {
  const command = program
    .command('doctor')
    .description('look at this machine: can it be a host, what is wrong, how to mend it')
    .option('--json', 'findings as JSON; the exit code is 1 if any is a failure')
  placeOptions(command).action((options: Options) => tellFailure(() => run(options)))
}

async function run(options: Options): Promise<void> {
  const findings = examine(await probeMachine(configOf(options)))
  if (options.json) process.stdout.write(`${JSON.stringify({ findings }, null, 2)}\n`)
  else process.stdout.write(formatFindings(findings, process.stdout.isTTY && !clientEnvironment().no_color))
  if (findings.some(({ level }) => level === 'fail')) process.exitCode = 1
}

const marks = { ok: ['✓', 32], warn: ['!', 33], fail: ['✗', 31] } as const

export function formatFindings(findings: readonly Finding[], color: boolean): string {
  const paint = (code: number, text: string) => (color ? `\x1b[${code}m${text}\x1b[0m` : text)
  const width = Math.max(...findings.map(({ check }) => check.length))
  const lines = findings.flatMap(({ check, level, found, means, mend }) => {
    const [mark, code] = marks[level]
    const more = [means, mend && `→ ${mend}`].filter(text => text !== '').map(text => `${' '.repeat(width + 4)}${text}`)
    return [`${paint(code, mark)} ${check.padEnd(width)}  ${found}`, ...more]
  })
  const count = (level: Finding['level']) => findings.filter(finding => finding.level === level).length
  const [fails, warns] = [count('fail'), count('warn')]
  const verdict =
    fails > 0
      ? `${fails} to mend before this machine can be a host.`
      : warns > 0
        ? `This machine can be a host; ${warns} could be better.`
        : 'This machine is fit to be a host.'
  return `${lines.join('\n')}\n\n${verdict}\n`
}
