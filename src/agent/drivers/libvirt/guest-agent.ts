/**
 * The QEMU guest agent over libvirt: whether it is there, what it says, and setting a password. What a guest says is hostile
 * input: it is bounded and checked here. Not its job: when to ask (guests.ts).
 */
import { isIP } from 'node:net'
import ipaddr from 'ipaddr.js'
import {
  type GuestInterface,
  hasCode,
  isAgentUnavailable,
  isNoDomain,
  isOperationInvalid,
  type Libvirt,
  TimeoutError,
} from '../../../lib/libvirt/index.ts'
import type { PasswordOutcome } from '../../../protocol/messages.ts'
import type { GuestFacts, Hypervisor } from '../../ports.ts'
import { plainText } from './guest-details.ts'

/** libvirt waits 5 s for the agent to take notice, and then this long for its answer. */
const answer_ms = 5_000
/** For the call to libvirtd: another question to the same guest may be under way before it. */
const call_ms = 18_000
const addressesMax = 32
const osMax_chars = 100

type Run = <T>(what: string, call: (libvirt: Libvirt) => Promise<T>) => Promise<T>

/** `run` calls on a connection where nothing waits behind a guest; `mayTouch` as in hypervisor.ts. */
export function guestAgentCalls(
  run: Run,
  mayTouch: (libvirt: Libvirt, id: string) => Promise<boolean>,
): Pick<Hypervisor, 'guestAgent' | 'guestFacts' | 'setPassword'> {
  return {
    guestAgent: id =>
      run('looking for the guest agent', async libvirt => {
        try {
          return (await mayTouch(libvirt, id)) && agentConnected(await libvirt.domains.xml({ uuid: id }))
        } catch (error) {
          if (isNoDomain(error)) return false
          throw error
        }
      }),

    guestFacts: id =>
      run('asking the guest agent', async libvirt => {
        const guest = { uuid: id }
        await libvirt.guest.setAgentTimeout(guest, answer_ms)
        const options = { timeout_ms: call_ms }
        const interfaces = await libvirt.guest.interfaceAddresses(guest, 'agent', options)
        return { addresses: addressesOf(interfaces), os: await osOf(libvirt, id) }
      }),

    setPassword: (id, user, password) =>
      run('setting a password', async libvirt => {
        try {
          if (!(await mayTouch(libvirt, id))) return 'not_running'
          await libvirt.guest.setAgentTimeout({ uuid: id }, answer_ms)
          await libvirt.guest.setUserPassword({ uuid: id }, user, password, { timeout_ms: call_ms })
          return 'done'
        } catch (error) {
          return passwordOutcome(error)
        }
      }),
  }
}

/** By the domain's live XML, in which libvirt notes whether anybody has the channel open inside. */
export function agentConnected(xml: string): boolean {
  const targets = xml.match(/<target [^>]*\/>/g) ?? []
  return targets.some(
    target => /name=(['"])org\.qemu\.guest_agent\.0\1/.test(target) && /state=(['"])connected\1/.test(target),
  )
}

/** Those by which others may reach it: valid, in their usual spelling, without loopback and link-local ones, sorted. */
export function addressesOf(interfaces: readonly GuestInterface[]): string[] {
  const found = new Set<string>()
  for (const { address } of interfaces.flatMap(each => each.addresses)) {
    if (found.size >= addressesMax) break
    if (isIP(address) === 0 || address.includes('%')) continue
    const parsed = ipaddr.parse(address)
    if (!['loopback', 'linkLocal', 'unspecified', 'multicast'].includes(parsed.range())) found.add(parsed.toString())
  }
  return [...found].sort()
}

/** Older agents do not tell. */
async function osOf(libvirt: Libvirt, id: string): Promise<GuestFacts['os']> {
  try {
    return osName((await libvirt.guest.osInfo({ uuid: id }, { timeout_ms: call_ms }))['os.pretty-name'])
  } catch (error) {
    if (hasCode(error, 'agent_command_failed', 'operation_unsupported', 'argument_unsupported', 'internal_error'))
      return null
    throw error
  }
}

export function osName(said: unknown): string | null {
  const plain = plainText(said, 4 * osMax_chars)
  return (
    Array.from(plain ?? '')
      .slice(0, osMax_chars / 2)
      .join('') || null
  )
}

/** Only words of our own: what a guest answers could hold the very password. Throws what is not about the guest. */
export function passwordOutcome(error: unknown): PasswordOutcome['outcome'] {
  if (isNoDomain(error) || isOperationInvalid(error)) return 'not_running'
  if (error instanceof TimeoutError || hasCode(error, 'agent_command_timeout', 'operation_timeout')) return 'silent'
  if (isAgentUnavailable(error)) return /not connected|not configured/.test(error.message) ? 'no_agent' : 'silent'
  if (hasCode(error, 'agent_command_failed', 'internal_error', 'invalid_arg')) return 'refused'
  throw error
}
