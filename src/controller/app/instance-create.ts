/**
 * Making instances: one transaction for one or a thousand, a fixed number of statements. Quota, claim on hosts, addresses,
 * disks, wanted state, operation and events commit together or not at all.
 */
import type { InstanceCreate, instanceRoutes } from '../../api/instance.ts'
import type { ReplyOf } from '../../api/route.ts'
import { CloudError, notFound } from '../../model/errors.ts'
import type { InstanceId, OperationId, PlacementId, VolumeId } from '../../model/ids.ts'
import { limits } from '../../model/limits.ts'
import { type Cloud, makeId } from '../cloud.ts'
import { type BootImage, bootSource } from '../store/boot-source.ts'
import type { Tx } from '../store/database.ts'
import { event } from '../store/event.ts'
import { flavor } from '../store/flavor.ts'
import { instance, type NewInstance } from '../store/instance.ts'
import { operation } from '../store/operation.ts'
import { placement } from '../store/placement.ts'
import { quota } from '../store/quota.ts'
import { by, type Caller, projectOf } from './caller.ts'
import { change } from './change.ts'
import { keepRefusal, type Placed, placeAndClaim } from './placement.ts'
import { preparePorts } from './instance-ports.ts'

type Created = ReplyOf<typeof instanceRoutes.create>

const gib = 1024 ** 3

export async function createInstances(cloud: Cloud, caller: Caller, asked: InstanceCreate): Promise<Created> {
  checkUserData(asked.user_data)
  try {
    return await createAll(cloud, caller, asked)
  } catch (error) {
    await keepRefusal(cloud, error)
    throw error
  }
}

function createAll(cloud: Cloud, caller: Caller, asked: InstanceCreate): Promise<Created> {
  return change(cloud, caller, async tx => {
    const project_id = projectOf(caller)
    const count = asked.count ?? 1
    const size = await flavor.find(tx, asked.flavor_id)
    if (!size) throw notFound('flavor', asked.flavor_id)
    const disk_gib = asked.disk_gib ?? size.disk_gib
    const image = await bootableImage(tx, asked.image_id, project_id, { ...size, disk_gib })
    const public_keys = await keysFor(tx, caller, asked)
    const networks = asked.networks ?? [{ network_id: await onlyNetwork(tx, project_id) }]
    await quota.charge(
      tx,
      { project_id, domain_id: caller.project_domain_id ?? '' },
      {
        instances: count,
        vcpus: count * size.vcpus,
        memory_mib: count * size.memory_mib,
        storage_gib: count * disk_gib,
      },
    )
    const wish = placementAsked(asked, { ...size, disk_gib }, image)
    const placed = await placeAndClaim(cloud, tx, caller, wish, count)
    const zones = await bootSource.zoneOfHost(
      tx,
      placed.map(one => one.host_id),
    )
    // Sorted, so that a list by id shows a batch in the order of its numbers.
    const ids = placed.map(() => makeId<InstanceId>(cloud)).sort()
    const made = placed.map((one, n): NewInstance => {
      const name = count === 1 ? asked.name : `${asked.name}-${n + 1}`
      return {
        id: ids[n] ?? '',
        project_id,
        user_id: caller.user_id,
        name,
        hostname: hostnameOf(name),
        host_id: one.host_id,
        zone_id: zones.get(one.host_id) ?? '',
        flavor_id: size.id,
        flavor_name: size.name,
        image_id: image.id,
        image_name: image.name,
        vcpus: size.vcpus,
        memory_mib: size.memory_mib,
        disk_gib,
        cpu_model: cloud.settings.get('instance.cpu_model'),
        config_drive: asked.config_drive ?? true,
        watchdog_action: asked.watchdog_action ?? 'none',
        user_data: asked.user_data ?? null,
        wanted_power: asked.start === false ? 'stopped' : 'running',
        public_keys,
        tags: asked.tags ?? {},
      }
    })
    await instance.insert(tx, made)
    await insertRootDisks(tx, cloud, made, image)
    const instance_ids = made.map(one => one.id)
    const ports = await preparePorts(tx, cloud, { project_id, caller, instance_ids, requests: networks })
    const operation_id = await recordCreation(tx, cloud, caller, made, placed, wish, ports.events)
    const items = await instance.byIds(tx, instance_ids)
    const started = await operation.find(tx, operation_id)
    if (!started) throw new Error('the operation just made is not there')
    return { items, operation: started }
  })
}

function checkUserData(user_data: string | undefined): void {
  if (user_data === undefined) return
  const bytes = Buffer.from(user_data, 'base64')
  if (bytes.toString('base64').replace(/=+$/, '') !== user_data.replace(/=+$/, '')) {
    throw new CloudError('invalid', 'user_data is not base64. Encode it first, as in: base64 -w0 FILE.')
  }
  if (bytes.length > limits.user_data_bytes_max) {
    throw new CloudError(
      'invalid',
      `user_data has ${bytes.length} bytes; at most ${limits.user_data_bytes_max} are taken.`,
    )
  }
}

async function bootableImage(
  tx: Tx,
  id: string,
  project_id: string,
  size: { name: string; disk_gib: number; memory_mib: number },
): Promise<BootImage> {
  const image = await bootSource.image(tx, id, project_id)
  if (!image) throw notFound('image', id)
  if (image.status !== 'ready' || image.virtual_size_bytes === null) {
    throw new CloudError(
      'wrong_state',
      `The image ${image.name} is ${image.status}, not ready. Wait for it, or choose another.`,
    )
  }
  const needs_gib = Math.max(Math.ceil(image.virtual_size_bytes / gib), image.min_disk_gib)
  if (needs_gib > size.disk_gib) {
    throw new CloudError(
      'invalid',
      `The image ${image.name} needs a disk of ${needs_gib} GiB, the flavor ${size.name} gives ${size.disk_gib}. Choose a larger one, or name disk_gib.`,
      { needs_gib, disk_gib: size.disk_gib },
    )
  }
  if (image.min_memory_mib > size.memory_mib) {
    throw new CloudError(
      'invalid',
      `The image ${image.name} needs ${image.min_memory_mib} MiB of memory, the flavor ${size.name} gives ${size.memory_mib}. Choose a larger one.`,
      { needs_mib: image.min_memory_mib, memory_mib: size.memory_mib },
    )
  }
  return image
}

async function keysFor(tx: Tx, caller: Caller, asked: InstanceCreate): Promise<{ name: string; public_key: string }[]> {
  const found = await bootSource.keys(tx, caller.user_id, asked.key_names)
  const missing = asked.key_names?.find(name => !found.some(key => key.name === name))
  if (missing !== undefined) throw notFound('key pair', missing)
  const given =
    asked.public_keys?.map((public_key, n) => ({ name: `given-${n + 1}`, public_key: public_key.trim() })) ?? []
  const bad = given.find(key => !/^(ssh|ecdsa|sk-)[a-z0-9@.-]* [A-Za-z0-9+/]+={0,2}( [^\r\n]*)?$/.test(key.public_key))
  if (bad) throw new CloudError('invalid', `${bad.name} is not an OpenSSH public key: one line, 'type base64 comment'.`)
  return [...found, ...given]
}

/** The network of who names none: the project's own if there is one, else the one shared with it. */
async function onlyNetwork(tx: Tx, project_id: string): Promise<string> {
  const all = await bootSource.networks(tx, project_id)
  const own = all.filter(network => network.own)
  const candidates = own.length > 0 ? own : all
  const [first] = candidates
  if (first && candidates.length === 1) return first.id
  const names = candidates.map(network => network.name).join(', ')
  throw new CloudError(
    'invalid',
    first
      ? `There is more than one network to choose from (${names}). Name one in networks.`
      : 'The project has no network. Make one with a subnet first: croft network create.',
    { networks: candidates },
  )
}

/** Flavor properties `label:KEY` and `cpu_flags`, and the image's `architecture`, bind the choice of host. */
function placementAsked(
  asked: InstanceCreate,
  size: { vcpus: number; memory_mib: number; disk_gib: number; properties: Record<string, string> },
  image: BootImage,
) {
  const labels = Object.entries(size.properties).flatMap(([key, value]) =>
    key.startsWith('label:') ? [[key.slice('label:'.length), value]] : [],
  )
  const cpu_flags = [size.properties.cpu_flags, image.properties.cpu_flags].flatMap(
    flags => flags?.split(/[\s,]+/) ?? [],
  )
  return {
    vcpus: size.vcpus,
    memory_mib: size.memory_mib,
    disk_gib: size.disk_gib,
    zone_id: asked.zone_id ?? null,
    host_id: asked.host_id ?? null,
    arch: image.properties.architecture ?? null,
    cpu_flags: cpu_flags.filter(flag => flag !== ''),
    labels: Object.fromEntries(labels) as Record<string, string>,
  }
}

/** A name as a host name (RFC 1123): lower case letters, digits and hyphens, at most 63. */
export function hostnameOf(name: string): string {
  const hostname = name
    .toLowerCase()
    .replace(/[^a-z0-9-]+/g, '-')
    .slice(0, 63)
    .replace(/^-+|-+$/g, '')
  return hostname || 'instance'
}

async function insertRootDisks(tx: Tx, cloud: Cloud, made: readonly NewInstance[], image: BootImage): Promise<void> {
  await instance.insertVolumes(
    tx,
    made.map(one => ({
      id: makeId<VolumeId>(cloud),
      project_id: one.project_id,
      instance_id: one.id,
      host_id: one.host_id,
      name: `${one.name} root`,
      role: 'root' as const,
      size_gib: one.disk_gib,
      image_id: image.id,
      bus: ['scsi', 'sata', 'ide'].includes(image.properties.disk_bus ?? '')
        ? (image.properties.disk_bus ?? '')
        : 'virtio',
    })),
  )
}

/** What is told of it: why each is where it is, the operation, the events; and the hosts are woken. */
async function recordCreation(
  tx: Tx,
  cloud: Cloud,
  caller: Caller,
  made: readonly NewInstance[],
  placed: readonly Placed[],
  asked: ReturnType<typeof placementAsked>,
  events: Parameters<typeof event.record>[1],
): Promise<string> {
  const { user_id, request_id } = by(caller)
  const project_id = projectOf(caller)
  await placement.insert(
    tx,
    made.flatMap((one, n) => {
      const decision = placed[n]?.decision
      return decision
        ? [{ id: makeId<PlacementId>(cloud), project_id, instance_id: one.id, request_id, asked, decision }]
        : []
    }),
  )
  const id = makeId<OperationId>(cloud)
  const [first] = made
  await operation.start(tx, {
    id,
    project_id,
    user_id,
    request_id,
    kind: 'instance.create',
    noun: 'instance',
    resource_id: made.length === 1 && first ? first.id : null,
    targets: made.map(one => ({ resource_id: one.id, generation: 1 })),
  })
  await event.record(tx, [
    ...made.map(one => ({ noun: 'instance', kind: 'created', resource_id: one.id, project_id, user_id, request_id })),
    ...events,
  ])
  await event.wakeHosts(
    tx,
    made.map(one => one.host_id),
  )
  return id
}
