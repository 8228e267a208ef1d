/**
 * One question and one answer of a guest's agent over libvirt, each with a bound, and why there is none in words of our own. Not its
 * job: what is asked.
 */
import {
  hasCode,
  isAgentUnavailable,
  isNoDomain,
  isOperationInvalid,
  type Libvirt,
  TimeoutError,
} from '../../../lib/libvirt/index.ts'
import type { GuestFailure } from '../../../protocol/guest.ts'
import { Away, Failure } from '../../ports.ts'

/** The agent's answer to a command of its protocol, without its envelope. Throws GuestSilence. */
export type Talk = (command: string, args?: object) => Promise<unknown>

/** The guest gave no answer that is of use. `words`: what its agent said, as it said it: hostile. */
export class GuestSilence extends Error {
  readonly why: GuestFailure
  readonly words: string | undefined
  constructor(why: GuestFailure, words?: string) {
    super(`no answer of the guest: ${why}`)
    this.why = why
    this.words = words
  }
}

/** libvirt waits 5 s for the agent to take notice, and then this long for its answer. */
const answer_ms = 5_000

type Run = <T>(what: string, call: (libvirt: Libvirt) => Promise<T>) => Promise<T>

/** `run` calls on a connection where nothing waits behind a guest; `mayTouch` as in hypervisor.ts. */
export function talkTo(id: string, run: Run, mayTouch: (libvirt: Libvirt, id: string) => Promise<boolean>): Talk {
  return async (command, args) => {
    try {
      return await run('asking the guest', async libvirt => {
        try {
          if (!(await mayTouch(libvirt, id))) throw new GuestSilence('not_running')
          return await libvirt.guest.agentCommand({ uuid: id }, command, args, { timeout_ms: answer_ms })
        } catch (error) {
          throw silenceOf(error)
        }
      })
    } catch (error) {
      if (error instanceof Away) throw new GuestSilence('host', 'libvirtd does not answer')
      // Not one of these: libvirt's words could hold a part of the question, and that a secret.
      if (error instanceof Failure) throw hidden(error)
      throw error
    }
  }
}

const hidden = ({ cause }: Failure) =>
  cause instanceof GuestSilence ? cause : new GuestSilence('host', 'libvirt could not ask it')

/** What libvirt says, as why there is no answer; what is not about the guest is given back as it is. */
export function silenceOf(error: unknown): unknown {
  if (isNoDomain(error) || isOperationInvalid(error)) return new GuestSilence('not_running')
  if (error instanceof TimeoutError || hasCode(error, 'agent_command_timeout', 'operation_timeout', 'resource_busy'))
    return new GuestSilence('silent')
  if (isAgentUnavailable(error))
    return new GuestSilence(/not connected|not configured/.test(error.message) ? 'no_agent' : 'silent')
  if (error instanceof SyntaxError) return new GuestSilence('strange')
  if (!hasCode(error, 'agent_command_failed', 'internal_error', 'operation_unsupported', 'rpc')) return error
  if (/maximum|too (?:long|large|big)|size|encode/i.test(error.message) && !refusal.test(error.message))
    return new GuestSilence('too_long')
  // Up to libvirt's own remark at the end.
  const said = refusal.exec(error.message)?.[1]?.replace(/ \(libvirt \w+, error [^)]*\)+$/, '')
  if (said === undefined) return error
  const blocked = /has been disabled|has not been found|not been found|is disabled|not allowed/i.test(said)
  return new GuestSilence(blocked ? 'blocked' : 'not_started', said)
}

const refusal = /unable to execute QEMU agent command '[^']*': ([^]*)/
