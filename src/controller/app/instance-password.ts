/**
 * Sets an account's password inside a running guest, through its guest agent. An act, not a state: the password is nowhere
 * kept, and travels to the host sealed. For guests without an agent there are keys and user data.
 */
import type { Instance, instanceRoutes } from '../../api/instance.ts'
import type { BodyOf, ReplyOf } from '../../api/route.ts'
import { CloudError } from '../../model/errors.ts'
import type { PasswordOutcome } from '../../protocol/messages.ts'
import { CallFailed, type Cloud } from '../cloud.ts'
import { event } from '../store/event.ts'
import { by, type Caller, forbidden, mayOnInstance } from './caller.ts'
import { change, withoutKey } from './change.ts'
import { getInstance } from './instance.ts'

/** The host gives a guest that hangs about this long. */
const answer_ms = 25_000

type Route = (typeof instanceRoutes)['resetPassword']

export async function resetPassword(
  cloud: Cloud,
  caller: Caller,
  id: string,
  { user = 'root', password }: BodyOf<Route>,
): Promise<ReplyOf<Route>> {
  const found = await getInstance(cloud, caller, id)
  if (!mayOnInstance(caller, 'instance.operate', found)) {
    throw forbidden('instance.operate', 'in its project')
  }
  if (found.state === 'unknown') throw hostSilent(found)
  if (found.state !== 'running' && found.state !== 'migrating') {
    throw new CloudError(
      'wrong_state',
      `The instance ${found.name} is ${found.state}; a password is set in a running one. Start it first.`,
    )
  }
  const chosen = password ?? newPassword(cloud)
  mustBeDone(found, user, await ask(cloud, found, { user, password: chosen }))
  // No key: the answer may hold the password, which must not be kept.
  return change(cloud, withoutKey(caller), async tx => {
    const what = { noun: 'instance', kind: 'changed', resource_id: id, project_id: found.project_id }
    await event.record(tx, [{ ...what, ...by(caller) }])
    return { id, user, password: password === undefined ? chosen : null }
  })
}

async function ask(
  cloud: Cloud,
  found: Instance,
  secret: { user: string; password: string },
): Promise<PasswordOutcome['outcome'] | undefined> {
  const params = { method: 'set_password' as const, instance_id: found.id }
  try {
    const result = await cloud.calls.ask(found.host_id ?? '', params, { timeout_ms: answer_ms, secret })
    return (result as Partial<PasswordOutcome> | null)?.outcome
  } catch (error) {
    if (!(error instanceof CallFailed)) throw error
    if (error.kind === 'silent') throw hostSilent(found)
    throw new CloudError('unavailable', `The host ${found.host} could not do it: ${error.message}`)
  }
}

function hostSilent({ name, host, host_id }: Instance): CloudError {
  const sentence = `The host ${host} of ${name} does not answer; if it was asked, whether the password was set is not known. Try again when it is back.`
  return new CloudError('host_unreachable', sentence, { host_id })
}

function mustBeDone({ name }: Instance, user: string, outcome: PasswordOutcome['outcome'] | undefined): void {
  switch (outcome) {
    case 'done':
      return
    case 'not_running':
      throw new CloudError('wrong_state', `The instance ${name} is not running any more. Start it first.`)
    case 'no_agent':
      throw new CloudError(
        'wrong_state',
        `No guest agent is connected in ${name}. Wait until it has booted; else install qemu-guest-agent in the guest, or sign in with an ssh key. A new instance can have its password set by user data.`,
      )
    case 'silent':
      throw new CloudError(
        'unavailable',
        `The guest agent in ${name} did not answer in time, so whether the password was set is not known. Try again; if it stays so, restart qemu-guest-agent in the guest.`,
      )
    case 'refused':
      throw new CloudError(
        'invalid',
        `The guest refused a new password for “${user}”. Most likely it has no such user (--user names another), or its rules want a stronger password.`,
        { user },
      )
    case 'busy':
      throw new CloudError('unavailable', 'This host is setting other passwords just now. Try again in a few seconds.')
    case undefined:
      throw new CloudError(
        'unavailable',
        `The host of ${name} gave an answer that is not understood. Its agent may be older.`,
      )
    default:
      outcome satisfies never
      throw new CloudError('unavailable', `The host of ${name} gave an answer that is not understood.`)
  }
}

/** Without characters that look alike; no sign that a shell or a keyboard layout turns into another. */
const letters = 'ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789'
const length = 20

/** About 116 bits. */
function newPassword({ random }: Pick<Cloud, 'random'>): string {
  let made = ''
  while (made.length < length) {
    for (const byte of random.bytes(length)) {
      // Bytes beyond the last whole round of letters would make the first letters likelier.
      if (byte < 256 - (256 % letters.length) && made.length < length) made += letters[byte % letters.length]
    }
  }
  return made
}
