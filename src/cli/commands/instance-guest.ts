/** `croft instance guest` and `exec`: what the guest agent says, as tables; and a command in the guest, as if it were run here. */
import type { Command } from 'commander'
import type { Guest } from '../../api/instance-guest.ts'
import type { Options } from '../build-command.ts'
import { call, type Context, idOf, routeOf } from '../context.ts'
import { CommandFailed, endsWith, UsageError } from '../failure.ts'
import { fieldsOf, ownTable } from '../show.ts'
import type { Instead, Shop } from '../shop.ts'

export function extendGuest(noun: Command): void {
  const guest = noun.commands.find(command => command.name() === 'guest')
  guest?.option('--applications', 'what is installed there, in place of all else (needs instance.command)')
}

export const showGuest: Instead = async (context, command, [name]) => {
  const instance = await idOf(context, 'instance', String(name), { route: routeOf(context, 'instance', 'guest') })
  if (command.opts<Options>().applications === true) return showApplications(context, instance)
  const guest = await call(context, 'instance', 'guest', { params: { instance } })
  if (context.globals.json) return context.out.printJson(guest)
  context.out.print(sectionsOf(context, guest).join('\n'))
}

async function showApplications(context: Context, instance: string): Promise<void> {
  const found = await call(context, 'instance', 'guestApplications', { params: { instance } })
  if (context.globals.json) return context.out.printJson(found)
  if (found.manager === null) return context.out.note('No package manager that is known is there: dpkg, rpm or apk.')
  context.out.print(ownTable(context, ['name', 'version'], found.items))
  if (found.truncated) context.out.note('There are more; only these were told.')
}

function sectionsOf(context: Context, guest: Guest): string[] {
  const { os, hostname, time_zone, agent_version, runs_commands, interfaces, users, file_systems } = guest
  const facts = fieldsOf(context, {
    os: os?.name ?? null,
    version: os?.version ?? null,
    kernel: os?.kernel ?? null,
    machine: os?.machine ?? null,
    hostname,
    time_zone: time_zone && `${time_zone.name ?? ''} UTC${offsetOf(time_zone.offset_s)}`.trim(),
    agent_version,
    runs_commands,
  })
  const table = (title: string, columns: string[], rows: readonly Record<string, unknown>[]) =>
    rows.length > 0 ? [`${title}:\n${ownTable(context, columns, rows)}`] : []
  return [
    facts,
    ...table(
      'File systems',
      ['mount', 'device', 'type', 'total_bytes', 'used_bytes', 'used_percent'],
      file_systems.map(one => ({ ...one, used_percent: percentOf(one) })),
    ),
    ...table(
      'Interfaces',
      ['name', 'mac', 'addresses'],
      interfaces.map(one => ({ ...one, addresses: one.addresses.map(each => `${each.address}/${each.prefix}`) })),
    ),
    ...table('Signed in', ['name', 'domain', 'signed_in_at'], users),
  ]
}

function percentOf({ total_bytes, used_bytes }: Guest['file_systems'][number]): number | null {
  return total_bytes === null || used_bytes === null || total_bytes === 0
    ? null
    : Math.round((100 * used_bytes) / total_bytes)
}

function offsetOf(offset_s: number): string {
  const minutes = Math.round(Math.abs(offset_s) / 60)
  const [hours, rest] = [Math.floor(minutes / 60), minutes % 60].map(part => String(part).padStart(2, '0'))
  return `${offset_s < 0 ? '-' : '+'}${hours}:${rest}`
}

interface ExecOptions {
  env?: string[]
  stdin?: boolean
  timeout?: string
}

/** As ssh's own failures: no code of the command's may be taken for one of these. */
const own_failure = 255
/** As shells have it. */
const signal_base = 128

export function registerExec(noun: Command, shop: Shop): void {
  const command = noun
    .command('exec <instance> <command...>')
    .summary('Run a command in the guest, through its guest agent')
    .description(
      `Run a command in the guest, through its guest agent (the package qemu-guest-agent in the guest): croft instance exec web -- uptime. No shell reads it; for one: croft instance exec web -- sh -c 'df -h | tail -1'.\n\nEnds with the command's own code, with 128 and the signal's number when one ended it, and with 255 when it was not run or nobody knows what came of it. The command is kept in the audit log, standard input and environment are not.\n\nNeeds the permission instance.command in the project.`,
    )
    .showHelpAfterError('(the command in the guest comes after two dashes: croft instance exec web -- ls -l)')
    .option('-e, --env <NAME=value>', 'in place of the agent’s environment; may be repeated', gather)
    .option('-i, --stdin', 'hand it the standard input, up to its end (at most 256 KiB)')
    .option('--timeout <seconds>', 'how long its end is waited for, at most 300 (default: 30)')
  command.action(async (name: string, words: string[], options: ExecOptions) => {
    try {
      process.exitCode = await exec(shop.contextOf(command), name, words, options)
    } catch (error) {
      throw endsWith(error, own_failure)
    }
  })
}

const gather = (value: string, before: string[] = []) => [...before, value]

/** Gives the command's exit code. */
async function exec(context: Context, name: string, argv: string[], options: ExecOptions): Promise<number> {
  const { env = [], stdin, timeout } = options
  const timeout_s = timeout === undefined ? undefined : Number(timeout)
  if (timeout_s !== undefined && !(timeout_s > 0 && timeout_s <= 300))
    throw new UsageError(`--timeout takes seconds, more than 0 and at most 300, not “${timeout}”.`)
  const instance = await idOf(context, 'instance', name, { route: routeOf(context, 'instance', 'exec') })
  const body = {
    argv,
    ...(env.length > 0 && { env: Object.fromEntries(env.map(pairOf)) }),
    ...(stdin && { stdin: (await readStdin()).toString('base64') }),
    ...(timeout_s !== undefined && { timeout_ms: Math.max(100, Math.round(timeout_s * 1000)) }),
  }
  const ran = await call(context, 'instance', 'exec', { params: { instance }, body })
  if (context.globals.json) context.out.printJson(ran)
  else {
    process.stdout.write(Buffer.from(ran.stdout, ran.stdout_encoding))
    process.stderr.write(Buffer.from(ran.stderr, ran.stderr_encoding))
    if (ran.truncated) context.out.note('croft: it wrote more than 1 MiB; the rest is cut off.')
  }
  return ran.exit_code ?? signal_base + (ran.signal ?? 0)
}

function pairOf(text: string): [string, string] {
  const at = text.indexOf('=')
  if (at < 1) throw new UsageError(`--env takes NAME=value, not “${text}”.`)
  return [text.slice(0, at), text.slice(at + 1)]
}

const stdin_bytes_max = 256 * 1024

async function readStdin(): Promise<Buffer> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of process.stdin as AsyncIterable<Buffer>) {
    chunks.push(chunk)
    if ((bytes += chunk.length) > stdin_bytes_max)
      throw new CommandFailed('usage', 'Standard input is longer than 256 KiB, more than a guest agent is handed.')
  }
  return Buffer.concat(chunks)
}
