/**
 * Who holds which credential, remembered for a moment: almost every request needs it, and finding it out costs more than
 * most requests do. Nothing is remembered past a change: the controller that makes it forgets before it answers, the
 * others as soon as the database tells them, and all of them within seconds if it cannot.
 */
import type { Cloud } from '../cloud.ts'
import { credential, type Holder } from '../store/credential.ts'
import type { Tx } from '../store/database.ts'
import { event } from '../store/event.ts'
import type { Caller } from './caller.ts'
import { change } from './change.ts'

const channel = 'croft_identity'
const kept_ms = 5000
const kept_max = 2000

interface Kept {
  holder: Holder
  /** By the steady clock. */
  until_ms: number
  expires_at: Date | null
}

type Parts = Pick<Cloud, 'database' | 'clock'>

class Holders {
  private readonly kept = new Map<string, Kept>()
  private readonly parts: Parts
  /** Grows with each change: what was read before one is not kept after it. */
  private changes = 0

  constructor(parts: Parts) {
    this.parts = parts
    // Ends with the database's listener. Null, after a lost connection, means that notices may be missing: the same.
    parts.database.listen(channel, () => this.forget())
  }

  forget(): void {
    this.changes++
    this.kept.clear()
  }

  async find(sha256: Buffer): Promise<Holder | null> {
    const { database, clock } = this.parts
    const key = sha256.toString('base64')
    const known = this.kept.get(key)
    const steady_ms = clock.steady_ms()
    if (known && known.until_ms > steady_ms && !(known.expires_at && known.expires_at.getTime() <= clock.now_ms()))
      return known.holder
    const before = this.changes
    const found = await credential.find(database.db, sha256)
    if (!found) {
      this.kept.delete(key)
      return null
    }
    const { expires_at, ...holder } = found
    if (before === this.changes) {
      if (this.kept.size >= kept_max) this.kept.clear()
      this.kept.set(key, { holder, until_ms: steady_ms + kept_ms, expires_at })
    }
    return holder
  }
}

const holdersOf = new WeakMap<Parts, Holders>()

function holders(cloud: Parts): Holders {
  const known = holdersOf.get(cloud) ?? new Holders(cloud)
  holdersOf.set(cloud, known)
  return known
}

/** Null when no enabled user and project hold a credential with this hash that is still good. */
export function findHolder(cloud: Parts, secret_sha256: Buffer): Promise<Holder | null> {
  return holders(cloud).find(secret_sha256)
}

/** What is remembered may no longer be so. */
export function forgetHolders(cloud: Parts): void {
  holders(cloud).forget()
}

/** Tells of each change of who may do what, whoever made it, and when one may have been missed. Returns how to stop. */
export function watchIdentity(cloud: Pick<Cloud, 'database'>, notice: () => void): () => void {
  return cloud.database.listen(channel, notice)
}

/** As `change`, for what changes who may do what: users, grants, roles, domains, projects, credentials. */
export async function changeIdentity<T>(cloud: Cloud, caller: Caller, work: (tx: Tx) => Promise<T>): Promise<T> {
  try {
    return await change(cloud, caller, async tx => {
      const body = await work(tx)
      await event.notify(tx, channel, '')
      return body
    })
  } finally {
    forgetHolders(cloud)
  }
}
