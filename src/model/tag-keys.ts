/** Keys of labels and tags: words that stand on a command line and in a list without quotes. */
import { CloudError } from './errors.ts'

type Pairs = Readonly<Record<string, string>>

const broken = /[\s\p{Cc}]/u

/**
 * Throws 'invalid' for a key that has spaces or control characters and is new: what was stored before this was asked of keys may be sent back, with
 * whatever value.
 */
export function checkKeys(field: 'labels' | 'tags', asked: Pairs | undefined, stored: unknown = {}): void {
  const known = stored as Pairs
  const key = Object.keys(asked ?? {}).find(one => broken.test(one) && !Object.hasOwn(known, one))
  if (key === undefined) return
  throw new CloudError(
    'invalid',
    `The key ${JSON.stringify(key)} in ${field} has spaces or control characters in it. Use a key without, such as ${JSON.stringify(key.trim().replaceAll(/[\s\p{Cc}]+/gu, '-') || 'key')}.`,
    { field, key },
  )
}
