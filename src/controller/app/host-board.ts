/**
 * The hosts as this controller's scheduler sees them: read whole once, and then only what has changed, by one short statement of
 * the transaction that places (docs/design/0010). Nothing here is a promise: what is decided on it is claimed in the database,
 * which looks again. Not its job: to decide.
 */
import type { Clock } from '../../lib/clock.ts'
import { Placer } from '../scheduler/placer.ts'
import type { HostSnapshot } from '../scheduler/snapshot.ts'
import { channels, type Database, type Db } from '../store/database.ts'
import type { Claim } from '../store/host-claim.ts'
import { type ChangedHost, hostSnapshot, type ReadHost } from '../store/host-snapshot.ts'

/** How long others here keep away from room that a transaction wants to claim, should its end not be seen. */
const promised_ms_max = 1000

const images_max = 100

interface Known {
  host_changes: number
  claim_changes: number
  /** Where it is in the list. */
  at: number
}

/** What was read with what a statement saw. */
interface Seen {
  snapshot: string
}

export class HostBoard {
  readonly placer = new Placer()
  private readonly database: Database
  private readonly clock: Clock
  private readonly onError: (error: unknown) => void
  private stop: (() => void) | undefined
  /** In the order of ids. */
  private hosts: HostSnapshot[] = []
  private readonly known = new Map<string, Known>()
  /** All that it sees is known; undefined: nothing is known yet. */
  private seen: Seen | undefined
  /** Room that transactions under way at this controller are about to claim: a hint, so that they do not all want the same host. */
  private readonly promised = new Map<string, { claim: Claim; claim_changes: number; until_ms: number }>()
  private readonly images = new Map<string, Set<string>>()
  /** Facts that many hosts have alike, by their text. */
  private readonly shared = new Map<string, unknown>()

  constructor({ database, clock, onError }: { database: Database; clock: Clock; onError(error: unknown): void }) {
    this.database = database
    this.clock = clock
    this.onError = onError
  }

  start(): void {
    this.stop = this.database.listen(channels.host, payload => {
      if (payload !== null) return
      // The database may be another one now, that lacks what this one had: nothing that was seen counts.
      this.forget()
      this.view(this.database.db).catch(this.onError)
    })
  }

  close(): void {
    this.stop?.()
  }

  private forget(): void {
    this.seen = undefined
    this.hosts = []
    this.known.clear()
    this.promised.clear()
    this.shared.clear()
    this.placer.forget()
  }

  /**
   * All hosts as a statement of `tx` sees them now, with what the transaction itself has changed; in the order of ids.
   * `with_promised`: less the room that others at this controller are about to claim.
   */
  async view(tx: Db, { with_promised = false } = {}): Promise<readonly HostSnapshot[]> {
    const base = this.seen
    if (!base) return await this.readAll(tx)
    const { seen, hosts } = await hostSnapshot.since(tx, base.snapshot)
    const stale = hosts.filter(one => !one.removed && this.lacks(one)).map(one => one.id)
    const whole = stale.length > 0 ? await hostSnapshot.read(tx, stale) : []
    if (!this.seen) return await this.readAll(tx)
    this.learn(hosts, whole)
    // Only when nobody has come further meanwhile: what is seen here says what is new since `base`. Nor when the transaction has
    // written over what others changed before: should it come to nothing, that is still to be learned.
    if (this.seen === base && !hosts.some(one => one.own)) this.seen = { snapshot: seen }
    return this.compose(hosts, whole, with_promised)
  }

  /** Hosts on which this controller has placed an instance of the image lately, so that they most likely have it. */
  withImage(image_id: string): ReadonlySet<string> | undefined {
    return this.images.get(image_id)
  }

  /** Others here are to keep away from this room until it is seen to be claimed, or not. `image_id`: what goes there. */
  promise(claims: readonly Claim[], image_id?: string): void {
    const until_ms = this.clock.steady_ms() + promised_ms_max
    if (image_id !== undefined) this.noteImage(image_id, claims)
    for (const claim of claims) {
      const known = this.known.get(claim.host_id)
      if (known) this.promised.set(claim.host_id, { claim, claim_changes: known.claim_changes, until_ms })
    }
  }

  private noteImage(image_id: string, claims: readonly Claim[]): void {
    const hosts = this.images.get(image_id) ?? new Set()
    for (const { host_id } of claims) hosts.add(host_id)
    // The one used last comes last, and the first is the one to forget.
    this.images.delete(image_id)
    this.images.set(image_id, hosts)
    const [oldest] = this.images.keys()
    if (this.images.size > images_max && oldest !== undefined) this.images.delete(oldest)
  }

  private async readAll(tx: Db): Promise<readonly HostSnapshot[]> {
    const seen = { snapshot: await hostSnapshot.now(tx) }
    const all = await hostSnapshot.read(tx, null)
    // What this transaction has changed itself may never come true: then others have to read for themselves.
    if (!this.seen && !all.some(one => one.own)) {
      this.keep(all)
      this.seen = seen
    }
    return all.map(one => one.snapshot)
  }

  /** What does not change with every placement has changed, or is not known. */
  private lacks({ id, host_changes }: ChangedHost): boolean {
    const known = this.known.get(id)
    return !known || known.host_changes < host_changes
  }

  private learn(hosts: readonly ChangedHost[], whole: readonly ReadHost[]): void {
    const added: ReadHost[] = []
    for (const one of whole) {
      if (one.own) continue
      const known = this.known.get(one.snapshot.id)
      if (!known) added.push(one)
      else if (isNewer(one, known)) this.replace(known, one, this.slim(one.snapshot))
    }
    const removed = new Set<string>()
    for (const one of hosts) {
      if (one.own) continue
      const known = this.known.get(one.id)
      const before = known && this.hosts[known.at]
      if (!known || !before) continue
      if (one.removed) removed.add(one.id)
      else if (isNewer(one, known)) this.replace(known, one, { ...before, ...one.claims })
    }
    if (added.length === 0 && removed.size === 0) return
    const kept = this.hosts.flatMap((snapshot): ReadHost[] => {
      const known = this.known.get(snapshot.id)
      return known && !removed.has(snapshot.id) ? [{ ...known, snapshot, own: false }] : []
    })
    this.keep([...kept, ...added].sort((a, b) => (a.snapshot.id < b.snapshot.id ? -1 : 1)))
  }

  private keep(all: readonly ReadHost[]): void {
    this.known.clear()
    this.hosts = all.map(({ snapshot, host_changes, claim_changes }, at) => {
      this.known.set(snapshot.id, { host_changes, claim_changes, at })
      return this.slim(snapshot)
    })
  }

  private replace(known: Known, { host_changes, claim_changes }: ReadHost | ChangedHost, snapshot: HostSnapshot): void {
    Object.assign(known, { host_changes, claim_changes })
    this.hosts[known.at] = snapshot
  }

  /** Hundreds of CPU flags are the same on hundreds of hosts. */
  private slim(snapshot: HostSnapshot): HostSnapshot {
    const once = <T>(value: T): T => {
      const key = JSON.stringify(value)
      const known = this.shared.get(key)
      if (known === undefined) this.shared.set(key, value)
      return (known ?? value) as T
    }
    return {
      ...snapshot,
      cpu_flags: once(snapshot.cpu_flags),
      labels: once(snapshot.labels),
      aggregates: once(snapshot.aggregates),
      cpu_baseline: once(snapshot.cpu_baseline ?? null),
      cpu_models: once(snapshot.cpu_models ?? null),
      cpu_known: once(snapshot.cpu_known ?? null),
      host_cpu: once(snapshot.host_cpu ?? null),
    }
  }

  /** What is known, with what only the transaction that asks has changed, and what others are about to. */
  private compose(
    hosts: readonly ChangedHost[],
    whole: readonly ReadHost[],
    with_promised: boolean,
  ): readonly HostSnapshot[] {
    const own = new Map<string, HostSnapshot | null>()
    for (const one of whole) if (one.own) own.set(one.snapshot.id, one.snapshot)
    for (const one of hosts) {
      const known = this.known.get(one.id)
      const before = own.get(one.id) ?? (known && this.hosts[known.at])
      if (one.own && before) own.set(one.id, one.removed ? null : { ...before, ...one.claims })
    }
    if (with_promised) this.subtract(own)
    if (own.size === 0) return this.hosts
    const view = [...this.hosts]
    const more: HostSnapshot[] = []
    let gone = false
    for (const [id, snapshot] of own) {
      const at = this.known.get(id)?.at
      if (at === undefined) {
        if (snapshot) more.push(snapshot)
      } else if (snapshot) view[at] = snapshot
      else gone = true
    }
    const left = gone ? view.filter(one => own.get(one.id) !== null) : view
    return more.length > 0 ? [...left, ...more].sort((a, b) => (a.id < b.id ? -1 : 1)) : left
  }

  private subtract(own: Map<string, HostSnapshot | null>): void {
    const steady_ms = this.clock.steady_ms()
    for (const [id, { claim, claim_changes, until_ms }] of this.promised) {
      const known = this.known.get(id)
      const host = known && this.hosts[known.at]
      if (!known || !host || known.claim_changes > claim_changes || until_ms <= steady_ms) this.promised.delete(id)
      else if (!own.has(id)) {
        own.set(id, {
          ...host,
          vcpus_claimed: host.vcpus_claimed + claim.vcpus,
          memory_claimed_mib: host.memory_claimed_mib + claim.memory_mib,
          disk_claimed_gib: host.disk_claimed_gib + claim.disk_gib,
        })
      }
    }
  }

  /** Whether there is any such room: who finds none beside it looks again without. */
  get has_promised(): boolean {
    return this.promised.size > 0
  }
}

/**
 * Both counts are read by one statement, so neither is ever older while the other is newer. The host's counts first: the other is of its claims and its
 * pool, and begins lower when it has another pool, or none any more.
 */
function isNewer(one: ReadHost | ChangedHost, known: Known): boolean {
  if (one.host_changes !== known.host_changes) return one.host_changes > known.host_changes
  return one.claim_changes > known.claim_changes
}
