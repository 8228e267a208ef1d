/** What is hand-made about instances: a dry run, ssh, log, a guest's password, and the explanation of a placement as a table. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import type { Command } from 'commander'
import type { Instance } from '../../api/instance.ts'
import { givenOf, type Options } from '../build-command.ts'
import { rootKey } from '../connect.ts'
import { call, type Context, idOf, routeOf } from '../context.ts'
import { CommandFailed } from '../failure.ts'
import { readPassword } from '../password-prompt.ts'
import { type Filled, fillRequest, runCommand } from '../run.ts'
import type { Comfort, Shop } from '../shop.ts'
import { registerConsole } from './instance-console.ts'
import { extendGuest, registerExec, showGuest } from './instance-guest.ts'
import { dryRun } from './instance-plan.ts'
import { showInstancePlacement } from './placement.ts'

export const comfort: Comfort = {
  extend(noun, shop) {
    const create = noun.commands.find(command => command.name() === 'create')
    create?.option('--dry-run', 'make nothing: say whether it would be taken, where it would run and why')
    registerSsh(noun, shop)
    registerConsole(noun, shop)
    registerLog(noun, shop)
    registerResetPassword(noun, shop)
    registerExec(noun, shop)
    extendGuest(noun)
  },
  instead: {
    guest: showGuest,
    async create(context, command, words, shape) {
      const { dryRun: only_look, wait } = command.opts<Options>()
      const given = givenOf(command, shape, words)
      const modes = { wait: wait === true, watch: false }
      if (only_look !== true) return runCommand(context, shape, given, modes)
      const { body } = await fillRequest(context, shape, given, modes)
      await dryRun(context, body as Filled)
    },
    async explain(context, _, [name]) {
      const instance = await idOf(context, 'instance', String(name), { route: routeOf(context, 'instance', 'explain') })
      await showInstancePlacement(context, await call(context, 'instance', 'explain', { params: { instance } }))
    },
  },
}

interface SshOptions {
  user?: string
  identity?: string
  port?: string
}

const ssh_connect_s = 15

function registerSsh(noun: Command, shop: Shop): void {
  const command = noun
    .command('ssh <instance> [command...]')
    .summary('Open a shell in the guest, or run a command there')
    .description(
      'Open a shell in the guest by ssh, or run a command there: croft instance ssh web -- uptime. Goes to its floating address if it has one.',
    )
    .option('-l, --user <name>', "account in the guest (default: the image's, else root)")
    .option('-i, --identity <file>', 'private key')
    .option('-p, --port <n>', 'port of its ssh server')
  command.action(async (name: string, words: string[], options: SshOptions) => {
    process.exitCode = await ssh(shop.contextOf(command), name, words, options)
  })
}

/** Gives ssh's exit code. */
async function ssh(context: Context, name: string, words: readonly string[], options: SshOptions): Promise<number> {
  const id = await idOf(context, 'instance', name, { route: routeOf(context, 'instance', 'get') })
  const instance = await call(context, 'instance', 'get', { params: { instance: id } })
  const user = options.user ?? (await userOf(context, instance))
  const args = [
    // A floating address serves one guest today and another tomorrow: its key is remembered by the instance's id.
    '-o',
    `HostKeyAlias=croft-${id}`,
    '-o',
    'StrictHostKeyChecking=accept-new',
    // A security group that lets nobody in is silent: without a bound ssh would wait for minutes.
    '-o',
    `ConnectTimeout=${ssh_connect_s}`,
    ...(await identities(options)),
    ...(options.port ? ['-p', options.port] : []),
    `${user}@${addressOf(instance)}`,
    ...words,
  ]
  const child = spawn('ssh', args, { stdio: 'inherit' })
  const failed = once(child, 'error').then(([error]) => {
    throw new CommandFailed('failed', `ssh cannot be started: ${String(error)}.`, 'Install the package openssh-client.')
  })
  // Ctrl-C is the guest's.
  const ignore = () => undefined
  process.on('SIGINT', ignore)
  try {
    const [code] = (await Promise.race([once(child, 'exit'), failed])) as [number | null]
    // 255 is ssh's own failure. What a security group drops looks like a host that is away, so it is said here.
    if (code === 255) context.out.note(unreachedHint(instance))
    return code ?? 1
  } finally {
    process.off('SIGINT', ignore)
  }
}

/** Root's key of `croft up` beside ssh's usual ones, which it would leave out once any is named (ssh_config(5)). */
async function identities({ identity }: SshOptions): Promise<string[]> {
  if (identity) return ['-i', identity]
  const own = await rootKey()
  if (own === undefined) return []
  const usual = ['id_ed25519', 'id_ecdsa', 'id_rsa'].map(name => `~/.ssh/${name}`)
  return [own, ...usual].flatMap(file => ['-o', `IdentityFile=${file}`])
}

export function addressOf({ name, addresses }: Pick<Instance, 'name' | 'addresses'>): string {
  const floating = addresses.find(one => one.floating_address !== null)?.floating_address
  const address = floating ?? addresses[0]?.address
  if (address === undefined || address === null) {
    throw new CommandFailed('failed', `${name} has no address.`, `croft floating-ip create --instance ${name}`)
  }
  return address
}

function unreachedHint({ name, addresses }: Pick<Instance, 'name' | 'addresses'>): string {
  if (addresses.every(one => one.floating_address === null))
    return `  ${name} has no floating address: from outside its network, croft floating-ip create --instance ${name}`
  return `  If nothing answers: its security groups must let you in (croft security-group rule add default tcp:22), and it must have booted (croft instance log ${name}).`
}

/** Images say whose account key pairs open. An image that was deleted, or is not ours to see, says nothing. */
async function userOf(context: Context, { image_id }: Instance): Promise<string> {
  if (image_id === null) return 'root'
  const image = await call(context, 'image', 'get', { params: { image: image_id } }).catch((): undefined => undefined)
  return image?.properties.user ?? 'root'
}

function registerLog(noun: Command, shop: Shop): void {
  const command = noun
    .command('log <instance>')
    .summary('What the guest wrote to its serial console')
    .description('What the guest wrote to its serial console, as it wrote it.')
    .option('-f, --follow', 'go on as the guest writes')
    .option('--tail <bytes>', 'only the last of it (default: 65536)')
  command.action((name: string, options: { follow?: boolean; tail?: string }) =>
    showLog(shop.contextOf(command), name, options),
  )
}

async function showLog(context: Context, name: string, options: { follow?: boolean; tail?: string }): Promise<void> {
  const instance = await idOf(context, 'instance', name, { route: routeOf(context, 'instance', 'log') })
  const client = await context.client()
  const stop = new AbortController()
  const interrupt = () => stop.abort()
  process.once('SIGINT', interrupt)
  const log = routeOf(context, 'instance', 'log')
  const open = (query: object, signal: AbortSignal) => client.stream(log, { params: { instance }, query, signal })
  const write = async (bytes: Uint8Array) => {
    if (!process.stdout.write(bytes)) await once(process.stdout, 'drain')
  }
  const tail = options.tail === undefined ? undefined : Number(options.tail)
  try {
    if (options.follow) return await followAgain(context, { name, open, write, tail_bytes: tail, signal: stop.signal })
    const bytes = await open(tail === undefined ? {} : { tail_bytes: tail }, stop.signal)
    for await (const chunk of bytes) await write(chunk)
  } catch (error) {
    if (!stop.signal.aborted) throw error
  } finally {
    process.off('SIGINT', interrupt)
  }
}

interface Followed {
  name: string
  open(query: object, signal: AbortSignal): Promise<AsyncIterable<Uint8Array>>
  write(bytes: Uint8Array): Promise<void>
  tail_bytes: number | undefined
  signal: AbortSignal
}

/** As the API has it. */
const tail_standard_bytes = 64 * 1024

/** Over lines that break or die: it goes on where it was. What cannot be reached at first is an error, as everywhere. */
async function followAgain(context: Context, { name, open, tail_bytes, ...rest }: Followed): Promise<void> {
  const { followLog } = await import('../../sdk/follow-log.ts')
  let heard = false
  let lost = false
  await followLog({
    ...rest,
    tail_bytes: tail_bytes ?? tail_standard_bytes,
    open: (bytes, signal) => open({ follow: true, tail_bytes: bytes }, signal),
    anew: () => context.out.note(`The log of ${name} does not hold what was shown last any more: this is its end now.`),
    said(state, error) {
      if (state === 'lost' && !heard) throw error
      if (state === 'lost' && !lost) {
        const why = error instanceof Error ? error.message : String(error)
        context.out.note(`The line broke, and is tried again until Ctrl-C: ${why}`)
      }
      if (state === 'following' && lost) context.out.note('The line is there again.')
      lost = state === 'lost'
      heard = true
    },
  })
}

/** No option holds the password itself: a command line is for all to see. */
function registerResetPassword(noun: Command, shop: Shop): void {
  const command = noun
    .command('reset-password <instance>')
    .summary('Set a password in the running guest, through its guest agent')
    .description(
      'Set a password in the running guest, through its guest agent (the package qemu-guest-agent in the guest). A new one is made and shown once, unless one is given on standard input.\n\nNeeds the permission instance.operate in the project.',
    )
    .option('-l, --user <name>', 'account in the guest (default: root)')
    .option('--password-stdin', 'take the password from standard input; on a terminal it is asked for without echo')
  command.action((name: string, options: { user?: string; passwordStdin?: boolean }) =>
    resetPassword(shop.contextOf(command), name, options),
  )
}

async function resetPassword(
  context: Context,
  name: string,
  { user, passwordStdin }: { user?: string; passwordStdin?: boolean },
): Promise<void> {
  const instance = await idOf(context, 'instance', name, { route: routeOf(context, 'instance', 'resetPassword') })
  const password = passwordStdin ? await readPassword(`New password of ${user ?? 'root'} in ${name}: `) : undefined
  const body = { ...(user !== undefined && { user }), ...(password !== undefined && { password }) }
  const answer = await call(context, 'instance', 'resetPassword', { params: { instance }, body })
  if (context.globals.json) return context.out.printJson(answer)
  if (answer.password === null) context.out.note(`The password of ${answer.user} in ${name} is set.`)
  else {
    context.out.note(`The new password of ${answer.user} in ${name}, shown this once:`)
    context.out.print(`${answer.password}\n`)
  }
}
