/** What of an agent's frames is too much though each of its parts fits: shapes cannot say that. */
import type { AgentFrame } from './messages.ts'

/**
 * Of what a host says that it holds. The database goes beyond it, and what it then tells, this host or another, has to fit Version and
 * RebootCount (wanted.ts): so there is room between these and those.
 */
export const heldMax = { version: 2 ** 51, reboot_count: 2 ** 29 }

/** What one host's facts, and its foreign domains, may come to: they are kept, and shown in lists. Letters of JSON. */
const facts_size_max = 2 * 1024 * 1024
const foreign_size_max = 512 * 1024
/** CPUs that its nodes, or its cores, name together. */
const cpus_named_max = 65_536

/** Of a frame that has its shape, and the text that it was read from: what is wrong with it, or null. */
export function excessOf(frame: AgentFrame, text: string): string | null {
  if (/\\u(0000|d[89a-f])/i.test(text) && hasOddText(frame))
    return 'a text has a NUL character or half of a surrogate pair in it'
  switch (frame.type) {
    case 'hello':
    case 'facts': {
      const { facts } = frame
      const named = facts.numa.reduce((sum, one) => sum + one.cpus.length, 0)
      const paired = (facts.thread_siblings ?? []).reduce((sum, one) => sum + one.length, 0)
      if (Math.max(named, paired) > cpus_named_max) return `more than ${cpus_named_max} CPUs are named`
      return JSON.stringify(facts).length > facts_size_max ? `facts are larger than ${facts_size_max}` : null
    }
    case 'foreign':
      return text.length > foreign_size_max ? `the list of domains is larger than ${foreign_size_max}` : null
    case 'held': {
      const { version, reboot_count } = heldMax
      const is_beyond = frame.instances.some(
        one => one.generation > version || one.details_version > version || one.reboot_count > reboot_count,
      )
      return is_beyond ? 'versions are beyond all that can be' : null
    }
    default:
      return null
  }
}

/** Texts that no database takes. Walks without recursion: what answers hold may be nested deeply. */
function hasOddText(value: unknown): boolean {
  const left: unknown[] = [value]
  for (let next = left.pop(); next !== undefined; next = left.pop()) {
    if (typeof next === 'string' && (next.includes('\0') || !next.isWellFormed())) return true
    if (typeof next === 'object' && next !== null) for (const part of Object.entries(next)) left.push(...part)
  }
  return false
}
