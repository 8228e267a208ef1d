/**
 * What a guest says of itself, asked command by command (QEMU guest agent protocol reference, qemu-ga-ref(7)). A guest may say anything:
 * what is no answer to the question is left out, texts are made plain, everything is bounded. Not its job: reaching the agent.
 */
import { isIP } from 'node:net'
import ipaddr from 'ipaddr.js'
import { type GuestDetails, guestBounds } from '../../../protocol/guest.ts'
import { GuestSilence, type Talk } from './guest-talk.ts'

type Fields = Readonly<Record<string, unknown>>

/** One after the other: a guest answers one question at a time. Throws GuestSilence when the agent does not answer at all. */
export async function readDetails(talk: Talk): Promise<GuestDetails> {
  const { version, enabled } = infoOf(await talk('guest-info'))
  const ask = async (command: string): Promise<unknown> => {
    if (!enabled.has(command)) return null
    try {
      return await talk(command)
    } catch (error) {
      // Of one command that it refuses, the others do not suffer.
      if (error instanceof GuestSilence && (error.why === 'not_started' || error.why === 'blocked')) return null
      throw error
    }
  }
  return {
    agent_version: version,
    runs_commands: enabled.has('guest-exec') && enabled.has('guest-exec-status'),
    os: osOf(await ask('guest-get-osinfo')),
    hostname: plainText(fieldsOf(await ask('guest-get-host-name'))['host-name']),
    time_zone: timeZoneOf(await ask('guest-get-timezone')),
    interfaces: interfacesOf(await ask('guest-network-get-interfaces')),
    users: usersOf(await ask('guest-get-users')),
    file_systems: fileSystemsOf(await ask('guest-get-fsinfo')),
  }
}

/** In one line, of characters that can be seen; null when nothing is left. */
export function plainText(said: unknown, chars_max: number = guestBounds.text_chars_max): string | null {
  if (typeof said !== 'string') return null
  const plain = said
    .slice(0, chars_max)
    .toWellFormed()
    .replaceAll(/[^\p{L}\p{M}\p{N}\p{P}\p{S} ]/gu, ' ')
    .trim()
  return plain || null
}

function infoOf(said: unknown): { version: string | null; enabled: ReadonlySet<string> } {
  const { version, supported_commands } = fieldsOf(said)
  const enabled = listOf(supported_commands, 500).flatMap(one =>
    one.enabled === true && typeof one.name === 'string' ? [one.name] : [],
  )
  return { version: plainText(version), enabled: new Set(enabled) }
}

export function osOf(said: unknown): GuestDetails['os'] {
  const os = fieldsOf(said)
  const found = {
    id: plainText(os.id),
    name: plainText(os['pretty-name']) ?? plainText(os.name),
    version: plainText(os['version-id']) ?? plainText(os.version),
    kernel: plainText(os['kernel-release']),
    machine: plainText(os.machine),
  }
  return Object.values(found).some(one => one !== null) ? found : null
}

export function timeZoneOf(said: unknown): GuestDetails['time_zone'] {
  const { zone, offset } = fieldsOf(said)
  if (typeof offset !== 'number' || !Number.isInteger(offset) || Math.abs(offset) > 86_400) return null
  return { name: plainText(zone), offset_s: offset }
}

export function interfacesOf(said: unknown): GuestDetails['interfaces'] {
  return listOf(said, guestBounds.interfaces_max).flatMap(one => {
    const name = plainText(one.name)
    const addresses = listOf(one['ip-addresses'], guestBounds.addresses_max).flatMap(each => {
      const { 'ip-address': address, prefix } = each
      if (typeof address !== 'string' || isIP(address) === 0 || address.includes('%')) return []
      if (typeof prefix !== 'number' || !Number.isInteger(prefix) || prefix < 0 || prefix > 128) return []
      const parsed = ipaddr.parse(address)
      return parsed.range() === 'loopback' ? [] : [{ address: parsed.toString(), prefix }]
    })
    const mac = macOf(one['hardware-address'])
    // The loopback is no news.
    return name === null || (addresses.length === 0 && mac === null) ? [] : [{ name, mac, addresses }]
  })
}

function macOf(said: unknown): string | null {
  if (typeof said !== 'string' || !/^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/i.test(said)) return null
  return /^[0:]+$/.test(said) ? null : said.toLowerCase()
}

export function usersOf(said: unknown): GuestDetails['users'] {
  return listOf(said, guestBounds.users_max).flatMap(one => {
    const name = plainText(one.user)
    const { 'login-time': login_s } = one
    const known = typeof login_s === 'number' && login_s >= 0 && login_s <= 8.64e12
    const signed_in_ms = known ? Math.round(login_s * 1000) : null
    return name === null ? [] : [{ name, domain: plainText(one.domain), signed_in_ms }]
  })
}

export function fileSystemsOf(said: unknown): GuestDetails['file_systems'] {
  return listOf(said, guestBounds.file_systems_max)
    .flatMap(one => {
      const mount = plainText(one.mountpoint)
      if (mount === null) return []
      const [device, type] = [plainText(one.name) ?? '', plainText(one.type) ?? '']
      return [{ mount, device, type, total_bytes: countOf(one['total-bytes']), used_bytes: countOf(one['used-bytes']) }]
    })
    .sort((a, b) => (a.mount < b.mount ? -1 : 1))
}

const countOf = (said: unknown) => (Number.isSafeInteger(said) && Number(said) >= 0 ? Number(said) : null)

function fieldsOf(said: unknown): Fields {
  return typeof said === 'object' && said !== null && !Array.isArray(said) ? (said as Fields) : {}
}

function listOf(said: unknown, items_max: number): Fields[] {
  return Array.isArray(said) ? said.slice(0, items_max).map(fieldsOf) : []
}
