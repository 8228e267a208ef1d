/**
 * Making instances: one transaction for one or a thousand, a fixed number of statements. Quota, claim on hosts, addresses,
 * disks, wanted state, operation and events commit together or not at all.
 */
import type { Flavor } from '../../api/flavor.ts'
import type { instanceRoutes } from '../../api/instance.ts'
import type { InstanceCreate } from '../../api/instance-create.ts'
import type { ReplyOf } from '../../api/route.ts'
import { CloudError } from '../../model/errors.ts'
import { TogetherByKey } from '../../lib/together.ts'
import type { InstanceId, OperationId, PlacementId } from '../../model/ids.ts'
import type { Hardware } from '../../model/hardware.ts'
import { recoveryOf } from '../../model/availability.ts'
import { graphicsOf } from '../../model/graphics.ts'
import { nicModelOf } from '../../model/nic.ts'
import { type Cloud, makeId } from '../cloud.ts'
import type { PlacementAsked } from '../scheduler/snapshot.ts'
import { atOnce, type Tx } from '../store/database.ts'
import { event } from '../store/event.ts'
import { instance, type NewInstance } from '../store/instance.ts'
import { operation } from '../store/operation.ts'
import { placement } from '../store/placement.ts'
import { quota } from '../store/quota.ts'
import { type Boot, bootOf, newRootGib } from './boot-source.ts'
import { by, type Caller, projectOf } from './caller.ts'
import { changeTogether, mayRedo } from './change.ts'
import { claimPlaces, type Placed, planPlaces } from './placement.ts'
import { noteHardware } from './placement-hardware.ts'
import { keepRefusal } from './placement-told.ts'
import { newCpu } from './instance-cpu.ts'
import { insertDisks } from './instance-disks.ts'
import { mustFit, onlyIf } from './only-if.ts'
import { checkPorts, preparePorts } from './instance-ports.ts'
import {
  chargedTo,
  chargeOf,
  checkTexts,
  hostnameOf,
  keysFor,
  namesOf,
  networksFor,
  placementAsked,
  sizeOf,
} from './instance-request.ts'

type Created = ReplyOf<typeof instanceRoutes.create>

/** A request for instances, and who sent it. */
interface Request {
  caller: Caller
  asked: InstanceCreate
}

export async function createInstances(cloud: Cloud, caller: Caller, asked: InstanceCreate): Promise<Created> {
  checkTexts(asked)
  try {
    const kind = kindOf(caller, asked)
    if (kind !== null) return await alike(cloud).ask(kind, { caller, asked })
    const [created] = await createAll(cloud, [{ caller, asked }])
    if (!created) throw new Error('what was just made is not there')
    return created
  } catch (error) {
    await keepRefusal(cloud, error)
    throw error
  }
}

/**
 * Who makes many alike sends many requests at once (a scaling group, Terraform): those that differ in nothing but the name
 * share a transaction, and cost little more together than one does alone (docs/design/0006-done-together.md).
 */
const lines = new WeakMap<Cloud, TogetherByKey<Request, Created>>()

function alike(cloud: Cloud): TogetherByKey<Request, Created> {
  const known = lines.get(cloud) ?? new TogetherByKey(requests => createAll(cloud, requests), { mayRedo })
  lines.set(cloud, known)
  return known
}

/** The same for requests that may share a transaction; null for one that is alone, as it asks for what only one can have. */
function kindOf(caller: Caller, { name: _, ...rest }: InstanceCreate): string | null {
  const only_one =
    (rest.count ?? 1) > 1 ||
    rest.boot_volume_id !== undefined ||
    rest.networks?.some(one => one.fixed_addresses?.length)
  return only_one ? null : JSON.stringify([caller.user_id, caller.project_id, rest])
}

/** Requests that are alike but for their names. */
function createAll(cloud: Cloud, requests: readonly Request[]): Promise<Created[]> {
  const callers = requests.map(one => one.caller)
  return changeTogether(cloud, callers, async (tx, writeAudit) => {
    const [{ caller, asked }] = requests as readonly [Request]
    const project_id = projectOf(caller)
    const names = requests.map(one => namesOf(one.asked))
    const count = names.flat().length
    const { size, boot, public_keys, networks, checked } = await lookUp(tx, caller, asked)
    const wish = await placementAsked(cloud, tx, { project_id, asked, size, boot })
    const [to, amounts] = [chargedTo(caller, project_id), chargeOf(size, newRootGib(boot), count)]
    // Decided before others of the project have to wait for the quota's rows, claimed after; and not at all for who is over quota.
    const plan = await onlyIf(
      tx,
      part => mustFit(part, to, amounts),
      (part, allowed) => planPlaces(cloud, part, wish, count, allowed),
    )
    const placed = await onlyIf(
      tx,
      part => quota.charge(part, to, amounts),
      (part, allowed) => claimPlaces(cloud, part, caller, plan, count, { allowed }),
    )
    const made = newInstances(cloud, requests[0] as Request, {
      names: names.flat(),
      placed,
      size,
      boot,
      public_keys,
      hardware: wish.hardware ?? null,
    })
    let from = 0
    const parts = requests.map(({ caller: asker }, n): Part => {
      const own = made.slice(from, (from += names[n]?.length ?? 0))
      return { caller: asker, made: own, operation_id: makeId<OperationId>(cloud) }
    })
    const askers = parts.flatMap(part => part.made.map(({ id }): [string, Caller] => [id, part.caller]))
    const ids = made.map(one => one.id)
    // In this order: each needs the rows of those before it, and no answer.
    const [, , , ports] = await atOnce(
      tx,
      part => instance.insert(part, made),
      part => noteHardware(part, placed, ids),
      part => insertDisks(part, cloud, made, boot, size),
      part =>
        preparePorts(part, cloud, {
          project_id,
          caller,
          callers: new Map(askers),
          instance_ids: ids,
          requests: networks,
          ...(checked && { checked }),
          nic_model: nicModelOf(boot.properties),
        }),
    )
    const events = boot.volume
      ? [...ports.events, { noun: 'volume', kind: 'changed', resource_id: boot.volume.id, project_id, ...by(caller) }]
      : ports.events
    const [, answered] = await atOnce(
      tx,
      part => recordCreation(part, cloud, parts, placed, wish, events),
      part => answers(part, parts),
      part => writeAudit(part, parts.map(aboutOf)),
    )
    return answered
  })
}

/** What is named, all of it looked for at once. Of several that are not to be had the first is told. */
async function lookUp(tx: Tx, caller: Caller, asked: InstanceCreate) {
  const project_id = projectOf(caller)
  const { promise: sized, resolve, reject } = Promise.withResolvers<Flavor>()
  // Who awaits it says so; that nobody does is no fault.
  sized.catch(() => undefined)
  const named = asked.networks
  const [size, boot, public_keys, networks, checked] = await atOnce(
    tx,
    part => {
      const finding = sizeOf(part, asked)
      finding.then(resolve, reject)
      return finding
    },
    part => bootOf(part, project_id, asked, sized, true),
    part => keysFor(part, caller, asked),
    part => networksFor(part, project_id, asked),
    part => (named?.some(one => one.network_id !== undefined) ? later(checkPorts(part, project_id, named)) : nothing),
  )
  return { size, boot, public_keys, networks, checked }
}

const nothing = Promise.resolve(undefined)

/** Waits for it, and gives or throws what came of it when it is asked: who asks for too much is told of that first. */
async function later<T>(coming: Promise<T>): Promise<() => T> {
  try {
    const value = await coming
    return () => value
  } catch (error) {
    if (!(error instanceof CloudError)) throw error
    return () => {
      throw error
    }
  }
}

interface Makings {
  names: readonly string[]
  placed: readonly Placed[]
  size: Flavor
  boot: Boot
  public_keys: { name: string; public_key: string }[]
  hardware: Hardware | null
}

function newInstances(cloud: Cloud, { caller, asked }: Request, makings: Makings): NewInstance[] {
  const { names, placed, size, boot, public_keys, hardware } = makings
  // Sorted, so that a list by id shows a batch in the order of its numbers.
  const ids = placed.map(() => makeId<InstanceId>(cloud)).sort()
  return placed.map((one, n): NewInstance => {
    const name = names[n] ?? ''
    return {
      id: ids[n] ?? '',
      project_id: projectOf(caller),
      user_id: caller.user_id,
      name,
      hostname: hostnameOf(name),
      host_id: one.host_id,
      zone_id: one.zone_id,
      flavor_id: size.id,
      flavor_name: size.name,
      image_id: boot.image_id,
      image_name: boot.image_name,
      boot: boot.kind,
      vcpus: size.vcpus,
      memory_mib: size.memory_mib,
      disk_gib: boot.disk_gib,
      ephemeral_gib: size.ephemeral_gib,
      swap_mib: size.swap_mib,
      ...newCpu(cloud, projectOf(caller), one.cpu_baseline),
      config_drive: asked.config_drive ?? true,
      ...recoveryOf(asked),
      ...graphicsOf(asked, boot.properties),
      user_data: asked.user_data ?? null,
      group_id: asked.group_id ?? null,
      same_as: asked.same_as ?? [],
      different_from: asked.different_from ?? [],
      hardware,
      wanted_power: asked.start === false ? 'stopped' : 'running',
      public_keys,
      tags: asked.tags ?? {},
    }
  })
}

/** What one request made. */
interface Part {
  caller: Caller
  made: readonly NewInstance[]
  operation_id: string
}

/** What a request was about: the only one that it made. */
const aboutOf = ({ made: [one, ...others] }: Pick<Part, 'made'>): string | null =>
  others.length === 0 ? (one?.id ?? null) : null

async function answers(tx: Tx, parts: readonly Part[]): Promise<Created[]> {
  const made_ids = parts.flatMap(part => part.made.map(one => one.id))
  const operation_ids = parts.map(part => part.operation_id)
  const [instances, operations] = await Promise.all([instance.byIds(tx, made_ids), operation.byIds(tx, operation_ids)])
  const shown = new Map(instances.map(one => [one.id, one]))
  const started = new Map(operations.map(one => [one.id, one]))
  return parts.map(({ made, operation_id }) => {
    const found = started.get(operation_id)
    if (!found) throw new Error('the operation just made is not there')
    return { items: made.flatMap(({ id }) => shown.get(id) ?? []), operation: found }
  })
}

/** What is told of it: why each is where it is, the operations, the events; and the hosts are woken. */
async function recordCreation(
  tx: Tx,
  cloud: Cloud,
  parts: readonly Part[],
  placed: readonly Placed[],
  asked: PlacementAsked,
  events: Parameters<typeof event.record>[1],
): Promise<void> {
  const all = parts.flatMap(({ caller, made }) => made.map(one => ({ one, ...by(caller) })))
  const placements = placement.asRows(
    all.flatMap(({ one: { id, project_id }, request_id }, n) => {
      const decision = placed[n]?.decision
      return decision
        ? [{ id: makeId<PlacementId>(cloud), project_id, instance_id: id, request_id, asked, decision }]
        : []
    }),
  )
  const started = operation.asRows(
    parts.map(({ caller, made, operation_id }) => ({
      id: operation_id,
      project_id: projectOf(caller),
      ...by(caller),
      kind: 'instance.create',
      noun: 'instance',
      resource_id: aboutOf({ made }),
      targets: made.map(one => ({ resource_id: one.id, generation: 1 })),
    })),
  )
  const created = all.map(({ one: { id, project_id }, ...who }) => ({
    noun: 'instance',
    kind: 'created',
    resource_id: id,
    project_id,
    ...who,
  }))
  await event.record(
    tx,
    [...started.events, ...created, ...events],
    all.map(({ one }) => one.host_id),
    [placements, ...started.rows],
  )
}
