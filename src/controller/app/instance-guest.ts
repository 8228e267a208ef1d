/**
 * What the guest agent of a running instance says, asked when somebody wants to know, and commands through it. Commands are written to
 * the audit log before they are sent, with their words and without what is secret of them; what they say is kept nowhere.
 */
import { createHash } from 'node:crypto'
import type { Instance } from '../../api/instance.ts'
import type { Guest, GuestApplications, GuestCommandResult, instanceGuestRoutes } from '../../api/instance-guest.ts'
import type { BodyOf } from '../../api/route.ts'
import { CloudError } from '../../model/errors.ts'
import { limits } from '../../model/limits.ts'
import type { GuestAnswer, GuestQuestion } from '../../protocol/guest.ts'
import type { Cloud } from '../cloud.ts'
import { type Caller, forbidden, mayOnInstance } from './caller.ts'
import { change } from './change.ts'
import { askGuest } from './guest-line.ts'
import { getInstance } from './instance.ts'

/** The host gives up after half of it. */
const details_ms = 35_000
const applications_ms = 60_000
/** Beyond a command's own time: to start it, and for the last look. */
const beside_command_ms = 30_000

export async function readGuest(cloud: Cloud, caller: Caller, id: string): Promise<Guest> {
  const found = await getInstance(cloud, caller, id)
  if (!mayOnInstance(caller, 'instance.read', found)) throw forbidden('instance.read', 'in its project')
  mustRun(found)
  const answer = await ask(cloud, found, { ask: 'details' }, details_ms)
  if (answer.outcome !== 'details') throw strange(found)
  const { users, ...rest } = answer.details
  return {
    id,
    read_at: new Date(cloud.clock.now_ms()).toISOString(),
    ...rest,
    users: users.map(({ signed_in_ms, ...user }) => ({
      ...user,
      signed_in_at: signed_in_ms === null ? null : new Date(signed_in_ms).toISOString(),
    })),
  }
}

export async function readApplications(cloud: Cloud, caller: Caller, id: string): Promise<GuestApplications> {
  const found = await commanded(cloud, caller, id)
  // It runs commands there, if not ones of the caller's choice.
  await change(cloud, caller, async () => ({ id }))
  const answer = await ask(cloud, found, { ask: 'applications' }, applications_ms)
  if (answer.outcome !== 'applications') throw strange(found)
  const { manager, applications: items, truncated } = answer
  return { manager, items, truncated }
}

type Command = BodyOf<(typeof instanceGuestRoutes)['exec']>

/** Throws conflict when it was sent already by the same Idempotency-Key: a command is never run twice for one request. */
export async function runInGuest(
  cloud: Cloud,
  caller: Caller,
  id: string,
  { argv, env, stdin, timeout_ms = 30_000 }: Command,
): Promise<GuestCommandResult> {
  const found = await commanded(cloud, caller, id)
  const words = [...argv, ...Object.entries(env ?? {}).flat()]
  if (argv[0] === '') throw new CloudError('invalid', 'The first word of argv is the program to run; it is empty.')
  if (words.reduce((sum, word) => sum + Buffer.byteLength(word), 0) > limits.command_words_bytes_max) {
    const most = `${limits.command_words_bytes_max / 1024} KiB`
    throw new CloudError(
      'invalid',
      `Command and environment together are longer than ${most}. Hand data over by stdin.`,
    )
  }
  // Written first: whatever becomes of this controller, who had it run is known.
  let first = false
  await change(cloud, withoutSecrets(caller, { argv, timeout_ms }), async () => {
    first = true
    return { id }
  })
  if (!first) {
    throw new CloudError(
      'conflict',
      'This command was sent to the guest before, by a request with the same Idempotency-Key. What it said was kept nowhere. Look in the guest what came of it, or send it anew with a new key.',
    )
  }
  const question: GuestQuestion = {
    ask: 'run',
    argv,
    timeout_ms,
    ...(env && { env: Object.entries(env).map(([name, value]) => `${name}=${value}`) }),
    ...(stdin && { stdin }),
  }
  const answer = await ask(cloud, found, question, timeout_ms + beside_command_ms)
  if (answer.outcome !== 'ran') throw strange(found)
  return shown(answer)
}

/** The hash that is kept of a request must not be one by which its secrets could be guessed. */
function withoutSecrets(caller: Caller, asked: object): Caller {
  const { method, path } = caller.request
  const sha256 = createHash('sha256')
    .update(`${method} ${path}\n${JSON.stringify(asked)}`)
    .digest()
  return { ...caller, request: { ...caller.request, sha256 } }
}

async function commanded(cloud: Cloud, caller: Caller, id: string): Promise<Instance> {
  const found = await getInstance(cloud, caller, id)
  if (!mayOnInstance(caller, 'instance.command', found)) throw forbidden('instance.command', 'in its project')
  mustRun(found)
  return found
}

function mustRun({ name, state, host, host_id }: Instance): void {
  if (state === 'running' || state === 'migrating') return
  if (state === 'unknown') {
    const sentence = `The host ${host} of ${name} does not answer, so its guest cannot be asked. Try again when it is back.`
    throw new CloudError('host_unreachable', sentence, { host_id })
  }
  throw new CloudError(
    'wrong_state',
    `The instance ${name} is ${state}; only a running guest can be asked. Start it first.`,
  )
}

type Answered = Exclude<GuestAnswer, { outcome: 'failed' }>

async function ask(cloud: Cloud, found: Instance, question: GuestQuestion, within_ms: number): Promise<Answered> {
  const answer = await askGuest(cloud, found, question, within_ms)
  if (answer.outcome !== 'failed') return answer
  throw failure(found, question, answer)
}

function failure(
  { name }: Instance,
  question: GuestQuestion,
  { why, words, pid }: Extract<GuestAnswer, { outcome: 'failed' }>,
): CloudError {
  const says = words === undefined ? '' : ` It says: “${words}”.`
  const detail = { reason: why, ...(pid !== undefined && { pid }) }
  switch (why) {
    case 'not_running':
      return new CloudError(
        'wrong_state',
        `The instance ${name} is not running on its host now. Start it first.`,
        detail,
      )
    case 'no_agent':
      return new CloudError(
        'wrong_state',
        `No guest agent is connected in ${name}. Wait until it has booted; else install qemu-guest-agent in the guest.`,
        detail,
      )
    case 'silent':
      return new CloudError(
        'unavailable',
        `The guest agent in ${name} did not answer in time. Try again; if it stays so, restart qemu-guest-agent in the guest.${unsure(question)}`,
        detail,
      )
    case 'blocked':
      return new CloudError(
        'wrong_state',
        `The guest agent in ${name} is set up not to do this.${says} In the guest, take guest-exec and guest-exec-status off its block list (BLACKLIST_RPC or --block-rpcs, see qemu-ga(8)) and restart it.`,
        detail,
      )
    case 'not_started':
      return new CloudError('invalid', `The guest ${name} did not start the command.${says}`, detail)
    case 'timeout':
      return new CloudError(
        'unavailable',
        `The command in ${name} did not end in its time. It goes on in the guest, as process ${pid}; what it writes is lost. Give it more time (timeout_ms), or end it there.`,
        detail,
      )
    case 'lost':
      return new CloudError(
        'unavailable',
        `The command was begun in ${name}, and then the guest could not be asked any more: it stopped, was moved, its agent was restarted, or it wrote more than the agent can hand over (have it write to a file). Whether it ran to its end is not known.`,
        detail,
      )
    case 'too_long':
      return new CloudError(
        'unavailable',
        `The command in ${name} wrote more than the guest agent can hand over (about 3 MiB), so nothing of it can be shown; without a POSIX shell in the guest it cannot be cut off there. Have it write to a file.`,
        detail,
      )
    case 'busy':
      return new CloudError(
        'unavailable',
        `Other commands are under way in ${name}. Try again when they have ended.`,
        detail,
      )
    case 'host':
      return new CloudError(
        'unavailable',
        `The host of ${name} could not ask its guest: ${words ?? 'it did not say why'}.`,
        detail,
      )
    case 'strange':
      return new CloudError('unavailable', `The guest agent in ${name} gave an answer that is not understood.`, detail)
    default:
      throw why satisfies never
  }
}

const unsure = ({ ask }: GuestQuestion) => (ask === 'run' ? ' Whether the command was begun is not known.' : '')

const strange = ({ name }: Instance) =>
  new CloudError('unavailable', `The guest agent in ${name} gave an answer that is not understood.`)

function shown({ stdout, stderr, ...ran }: Extract<GuestAnswer, { outcome: 'ran' }>): GuestCommandResult {
  const [out, err] = [told(stdout, ran.stdout_truncated), told(stderr, ran.stderr_truncated)]
  return {
    exit_code: ran.exit_code,
    signal: ran.signal,
    stdout: out.text,
    stdout_encoding: out.encoding,
    stderr: err.text,
    stderr_encoding: err.encoding,
    truncated: ran.stdout_truncated || ran.stderr_truncated,
  }
}

/** Where it was cut off, a character may be cut in two: what is left of that is no reason not to show the rest as text. */
function told(base64: string, truncated: boolean): { text: string; encoding: 'utf8' | 'base64' } {
  const bytes = Buffer.from(base64, 'base64')
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
  try {
    return { text: decoder.decode(bytes, { stream: truncated }), encoding: 'utf8' }
  } catch {
    // Not text.
    return { text: base64, encoding: 'base64' }
  }
}
