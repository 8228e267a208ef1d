/**
 * What a controller wants of this host, held in memory and on disk: the agent acts by it alone when there is no
 * controller. Only takes frames in and answers questions; acting is the reconcilers' job.
 *
 * A controller may come back from an old backup. So nothing is lost here by a frame: an instance missing from a whole frame
 * stays, what is older than what was told before is refused, and 'forget' counts only for what is gone from this host already.
 */
import Type from 'typebox'
import { Compile } from 'typebox/compile'
import type { ControllerFrame } from '../protocol/messages.ts'
import { WantedHost, WantedInstance, WantedNetwork } from '../protocol/wanted.ts'
import type { Log, State, StateChange } from './ports.ts'

export type WantedFrame = Extract<ControllerFrame, { type: 'wanted' }>

export interface WantedChange {
  readonly instances: readonly string[]
  readonly forgotten: readonly string[]
  /** Named in the frame, and not refused: a controller of now says that they belong here. */
  readonly confirmed: readonly string[]
  /** The host's own part or a network changed. */
  readonly network: boolean
}

export interface WantedSet {
  readonly instances: ReadonlyMap<string, WantedInstance>
  readonly networks: ReadonlyMap<string, WantedNetwork>
  readonly host: WantedHost | null
  /** The greatest `as_of` of all frames. */
  readonly heard_as_of: number
  /** On disk when it resolves. `isGone` says whether nothing of an instance is left on this host. */
  take(frame: WantedFrame, isGone: (id: string) => boolean): Promise<WantedChange>
}

const hostKey = 'host'
const asOfKey = 'as_of'
const checkInstance = Compile(WantedInstance)
const checkNetwork = Compile(WantedNetwork)
const checkHost = Compile(Type.Object({ ...WantedHost.properties }))

export async function loadWantedSet(state: State, log: Log): Promise<WantedSet> {
  const instanceFolder = state.folder('wanted')
  const networkFolder = state.folder('networks')
  const heardFolder = state.folder('heard')
  const instances = new Map<string, WantedInstance>()
  const networks = new Map<string, WantedNetwork>()
  let host: WantedHost | null = null
  const heard = (await heardFolder.read()).get(asOfKey)
  let heard_as_of = typeof heard === 'number' && Number.isSafeInteger(heard) ? heard : 0

  for (const [name, value] of await instanceFolder.read()) {
    if (checkInstance.Check(value)) instances.set(name, value)
    else log.error({ instance: name }, 'a wanted instance on disk cannot be read; the controller will send it again')
  }
  for (const [name, value] of await networkFolder.read()) {
    if (name === hostKey && checkHost.Check(value)) host = value
    else if (checkNetwork.Check(value)) networks.set(name, value)
    else log.error({ network: name }, 'a wanted network on disk cannot be read; the controller will send it again')
  }

  async function takeInstances(frame: WantedFrame, isGone: (id: string) => boolean) {
    const writes: StateChange[] = []
    const changed: string[] = []
    const forgotten: string[] = []
    const confirmed: string[] = []
    for (const next of frame.instances) {
      const merged = mergeInstance(instances.get(next.id), next, log)
      if (merged === 'refused') continue
      confirmed.push(next.id)
      if (merged === null) continue
      writes.push({ name: next.id, value: merged })
      changed.push(next.id)
    }
    for (const named of frame.unchanged ?? []) {
      // A frame of the link before may have come in after this link's hello was made. The next one says what is held.
      if (!isHeld(instances.get(named.id), named))
        throw new Error(`the controller takes the instance ${named.id} for unchanged, and it is not`)
      confirmed.push(named.id)
    }
    // The word to forget may have been lost with a link or a controller: of what is gone here, silence is that word.
    const named = namedIn(frame)
    const left = frame.whole ? [...instances.keys()].filter(id => !named.has(id) && isGone(id)) : []
    for (const id of [...frame.forget_instances, ...left]) {
      if (!instances.has(id)) continue
      if (!isGone(id)) {
        log.warn({ instance: id }, 'told to forget an instance of which something is still here; kept')
        continue
      }
      writes.push({ name: id, value: undefined })
      forgotten.push(id)
    }
    if (writes.length > 0) await instanceFolder.write(writes)
    for (const { name, value } of writes) {
      if (value === undefined) instances.delete(name)
      else instances.set(name, value as WantedInstance)
    }
    return { changed, forgotten, confirmed }
  }

  /** Before what it says is on disk: a host may seem to have heard too much, never too little. */
  async function takeAsOf(as_of = 0): Promise<void> {
    if (as_of <= heard_as_of) return
    await heardFolder.write([{ name: asOfKey, value: as_of }])
    heard_as_of = as_of
  }

  async function takeNetworks(frame: WantedFrame): Promise<boolean> {
    const writes: StateChange[] = []
    if (frame.host !== undefined && JSON.stringify(frame.host) !== JSON.stringify(host)) {
      writes.push({ name: hostKey, value: frame.host })
    }
    for (const next of frame.networks) {
      if (JSON.stringify(networks.get(next.network_id)) !== JSON.stringify(next)) {
        writes.push({ name: next.network_id, value: next })
      }
    }
    const used = new Set([...instances.values()].flatMap(each => each.ports.map(port => port.network_id)))
    const named = new Set(frame.networks.map(each => each.network_id))
    const left = frame.whole ? [...networks.keys()].filter(id => !named.has(id)) : []
    for (const id of new Set([...frame.forget_networks, ...left])) {
      if (networks.has(id) && !used.has(id)) writes.push({ name: id, value: undefined })
    }
    if (writes.length === 0) return false
    await networkFolder.write(writes)
    for (const { name, value } of writes) {
      if (name === hostKey) host = value as WantedHost
      else if (value === undefined) networks.delete(name)
      else networks.set(name, value as WantedNetwork)
    }
    return true
  }

  return {
    instances,
    networks,
    get host() {
      return host
    },
    get heard_as_of() {
      return heard_as_of
    },
    async take(frame, isGone) {
      if (frame.whole) warnOfMissing(frame, instances, log)
      await takeAsOf(frame.as_of)
      const { changed, forgotten, confirmed } = await takeInstances(frame, isGone)
      const network = await takeNetworks(frame)
      return { instances: changed, forgotten, confirmed, network }
    },
  }
}

type Unchanged = NonNullable<WantedFrame['unchanged']>[number]

/** Whether just this is held, so that `mergeInstance` would take nothing from it. */
function isHeld(have: WantedInstance | undefined, { generation, details_version, placement }: Unchanged): boolean {
  return (
    have !== undefined &&
    have.migration === undefined &&
    have.generation === generation &&
    have.details_version === details_version &&
    have.placement === placement
  )
}

/**
 * What to hold after `next` arrived: null keeps what is there, which says as much. Of equal generation, details, placement and migration nothing is
 * ever taken: controllers rely on it, and only name such instances (`unchanged`).
 */
function mergeInstance(
  have: WantedInstance | undefined,
  next: WantedInstance,
  log: Log,
): WantedInstance | null | 'refused' {
  if (have === undefined) return next
  const clears = isCleared(next)
  const older = next.generation < have.generation
  if (isStale(have, next) || (older && !clears)) {
    const said = ({ generation, placement, migration }: WantedInstance) => ({
      generation,
      placement,
      ...(migration && { migration: migration.id, step: migration.step }),
    })
    const detail = { instance: next.id, have: said(have), got: said(next) }
    log.warn(detail, 'the controller wants something older than it wanted before; refused')
    return 'refused'
  }
  const placement = Math.max(have.placement ?? 0, next.placement ?? 0)
  const placed = next.placement === undefined && have.placement === undefined ? {} : { placement }
  // What has gone to another host goes from here, whichever generation and details the controller knows.
  const less = older || (next.generation === have.generation && next.details_version < have.details_version)
  if (clears && less) return { ...have, ...placed, ...(next.migration !== undefined && { migration: next.migration }) }
  if (next.generation > have.generation)
    return { ...(next.power === 'purged' ? withAllDisks(have, next) : next), ...placed }
  const { migration: _before, availability: _, on_crash: __, ...rest } = have
  const { migration } = next
  const moved = JSON.stringify(migration) !== JSON.stringify(have.migration) || placement > (have.placement ?? 0)
  if (next.details_version < have.details_version || (next.details_version === have.details_version && !moved))
    return null
  const { details_version, metadata, ports, availability, on_crash } = next
  return {
    ...rest,
    ...placed,
    details_version,
    metadata,
    ports,
    ...(availability !== undefined && { availability }),
    ...(on_crash !== undefined && { on_crash }),
    // A move changes neither version, and is as it was told last.
    ...(migration !== undefined && { migration }),
  }
}

/** Nothing of it is to remain here, as it is another host's. */
function isCleared({ migration }: WantedInstance): boolean {
  return migration?.step === 'leave' || migration?.step === 'discard'
}

/**
 * Whether it is of a time before what is held. What was to be cleared here is this host's again, or sent from here, only with a later
 * placement; so a controller whose database lost the end of a move does not begin that move again.
 */
function isStale(have: WantedInstance, next: WantedInstance): boolean {
  if (have.placement === undefined || next.placement === undefined) return false
  if (next.placement !== have.placement) return next.placement < have.placement
  return isCleared(have) && !isCleared(next) && next.migration?.step !== 'prepare'
}

/**
 * A purge must find the disks that this host was told to make, named again or not. A data disk that is not named may have
 * been taken off the instance since, and is somebody's data.
 */
function withAllDisks(have: WantedInstance, next: WantedInstance): WantedInstance {
  const named = new Set(next.disks.map(disk => disk.volume_id))
  const own = have.disks.filter(disk => disk.role !== 'data' && !named.has(disk.volume_id))
  return { ...next, disks: [...next.disks, ...own] }
}

function namedIn({ instances, unchanged = [], forget_instances }: WantedFrame): Set<string> {
  return new Set([...[...instances, ...unchanged].map(each => each.id), ...forget_instances])
}

function warnOfMissing(frame: WantedFrame, have: ReadonlyMap<string, WantedInstance>, log: Log): void {
  const sent = namedIn(frame)
  for (const id of have.keys()) {
    if (!sent.has(id))
      log.warn({ instance: id }, 'the controller does not know this instance; it is kept as it was wanted last')
  }
}
