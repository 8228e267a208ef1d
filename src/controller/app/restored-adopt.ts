/**
 * Makes the record of an instance anew that only its host knows, after a restore of the database from an older backup. All is
 * taken from what the host holds, so an operator vouches for it; it stays as it is and goes on running.
 */
import Type from 'typebox'
import { Value } from 'typebox/value'
import { Name, Tags } from '../../api/common.ts'
import type { Flavor } from '../../api/flavor.ts'
import type { Host } from '../../api/host.ts'
import { InstanceCreate } from '../../api/instance-create.ts'
import { CloudError, notFound } from '../../model/errors.ts'
import { recoveryOf } from '../../model/availability.ts'
import { graphicsOf } from '../../model/graphics.ts'
import type { AssignedHardware, Hardware } from '../../model/hardware.ts'
import { BadHardware, mergedProperties, readHardware } from '../../model/hardware-properties.ts'
import { limits } from '../../model/limits.ts'
import type { WantedInstance, WantedPort } from '../../protocol/wanted.ts'
import type { Cloud } from '../cloud.ts'
import { address } from '../store/address.ts'
import { bootSource } from '../store/boot-source.ts'
import { onConstraint } from '../store/constraint.ts'
import { channels, type Tx } from '../store/database.ts'
import { event } from '../store/event.ts'
import { flavor } from '../store/flavor.ts'
import { type HeldRow, held } from '../store/held.ts'
import { heldPlace } from '../store/held-place.ts'
import { host } from '../store/host.ts'
import { instance } from '../store/instance.ts'
import { instancePorts } from '../store/instance-ports.ts'
import { network } from '../store/network.ts'
import { port } from '../store/port.ts'
import { project } from '../store/project.ts'
import { quota } from '../store/quota.ts'
import { securityGroup } from '../store/security-group.ts'
import { by, type Caller } from './caller.ts'
import { change } from './change.ts'
import { insertPorts } from './new-ports.ts'
import { lockOrphan } from './restored.ts'
import { claimHeldHardware, hardwareHeld, readHeldHardware } from './restored-hardware.ts'
import { ensureDefaultSecurityGroup } from './security-group.ts'

/**
 * Throws wrong_state, saying what is missing, when project, flavor, image or a network is not there any more, and conflict when
 * an address or MAC that the guest has was given to another since the restore.
 */
export function adoptInstance(cloud: Cloud, caller: Caller, host_id: string, instance_id: string): Promise<Host> {
  return change(cloud, caller, async tx => {
    if (!(await host.lock(tx, host_id))) throw notFound('host', host_id)
    const { hold, wanted } = await lockOrphan(tx, host_id, instance_id)
    checkGiveable(wanted)
    checkHere(hold, wanted)
    const owner = await project.find(tx, wanted.metadata.project_id)
    if (!owner) throw missing(wanted, `its project ${wanted.metadata.project_id}`)
    const disk_gib = wanted.disks.reduce((sum, disk) => sum + (disk.role === 'cdrom' ? 0 : disk.size_gib), 0)
    const { vcpus, memory_mib } = wanted
    const deleted = wanted.power === 'deleted'
    const compute = deleted ? {} : { instances: 1, vcpus, memory_mib }
    await quota.charge(tx, { project_id: owner.id, domain_id: owner.domain_id }, { storage_gib: disk_gib, ...compute })
    await host.claimHeld(tx, [{ host_id, vcpus, memory_mib, disk_gib }])
    const assigned = await readHeldHardware(tx, host_id, wanted)
    await insertRecord(cloud, tx, caller, hold, wanted, assigned)
    await claimHeldHardware(tx, { instance_id, host_id, assigned })
    await insertDisks(tx, hold, wanted)
    await adoptPorts(cloud, tx, wanted)
    if (hold.step === 'send' || hold.step === 'cancel') await heldPlace.keepMoving(tx, host_id, instance_id)
    else await held.remove(tx, host_id, [instance_id])
    await heldPlace.mark(tx, [instance_id])
    // Others that hold it say anew what they have, now that there is a record to compare it with.
    const others = (await held.ofInstance(tx, instance_id)).flatMap(one => (one.host_id === host_id ? [] : one.host_id))
    if (others.length > 0) await heldPlace.askAgain(tx, others)
    await event.notify(tx, channels.work, 'restored')
    await event.record(tx, [
      { noun: 'instance', kind: 'created', resource_id: instance_id, project_id: owner.id, ...by(caller) },
      { noun: 'host', kind: 'changed', resource_id: host_id, project_id: null, ...by(caller) },
    ])
    await event.wakeHosts(tx, [host_id])
    const found = await host.find(tx, host_id)
    if (!found) throw notFound('host', host_id)
    return found
  })
}

/** Beyond what the protocol bounds. Hosts are not trusted: what they show may be made up, to be kept and shown to others. */
const Giveable = Type.Object({
  cpu_model: Type.String({ pattern: '^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$' }),
  ports: Type.Array(
    Type.Object({
      mac: Type.String({ pattern: '^[0-9a-f]{2}(:[0-9a-f]{2}){5}$' }),
      addresses: Type.Array(Type.Unknown(), { maxItems: 64 }),
    }),
    { maxItems: limits.ports_per_instance_max },
  ),
  disks: Type.Array(Type.Unknown(), { maxItems: 64 }),
  metadata: Type.Object({
    name: Name,
    hostname: Type.String({ pattern: '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$' }),
    image: Type.Union([Type.Literal(''), Name]),
    tags: Tags,
    user_data: Type.Union([InstanceCreate.properties.user_data, Type.Null()]),
    public_keys: Type.Array(
      Type.Object({
        name: Type.String({ maxLength: limits.name_length_max }),
        public_key: Type.String({ maxLength: limits.key_length_max }),
      }),
      { maxItems: 64 },
    ),
  }),
})

function checkGiveable(wanted: WantedInstance): void {
  const [fault] = Value.Errors(Giveable, wanted)
  if (!fault) return
  throw new CloudError(
    'wrong_state',
    `What the host shows of this instance, no instance could have been given (${fault.instancePath} ${fault.message}): ` +
      'the host may lie. No record is made of it.',
  )
}

function checkHere({ step, here }: HeldRow, wanted: WantedInstance): void {
  if (step !== 'prepare' || here) return
  throw new CloudError(
    'wrong_state',
    `The instance ${wanted.metadata.name} has not come to this host: another one was sending it. Adopt it there.`,
  )
}

function missing(wanted: WantedInstance, what: string): CloudError {
  return new CloudError(
    'wrong_state',
    `The instance ${wanted.metadata.name} cannot have a record again: ${what} is not there any more. Make it anew first; or ` +
      'save its disk on the host, as the page on restoring says, and remove it from there (croft host purge-orphan).',
  )
}

async function insertRecord(
  cloud: Cloud,
  tx: Tx,
  caller: Caller,
  hold: HeldRow,
  wanted: WantedInstance,
  assigned: AssignedHardware,
): Promise<void> {
  const { metadata } = wanted
  const [size] = (await flavor.list(tx, { name: metadata.flavor })).items
  if (!size) throw missing(wanted, `its flavor ${metadata.flavor}`)
  const zone_id = (await bootSource.zoneOfHost(tx, [hold.host_id])).get(hold.host_id)
  const root = wanted.disks.find(disk => disk.role === 'root')
  const image = root?.image ?? null
  const made_of = image && (await bootSource.image(tx, image.image_id, metadata.project_id, true))
  if (image && !made_of) {
    throw missing(wanted, `its image ${metadata.image} (${image.image_id})`)
  }
  if (!zone_id || !root) throw missing(wanted, 'a root disk')
  await instance.insert(tx, [
    {
      id: wanted.id,
      project_id: metadata.project_id,
      // Whose it was, hosts are not told.
      user_id: caller.user_id,
      name: metadata.name,
      hostname: metadata.hostname,
      host_id: hold.host_id,
      zone_id,
      // What it was to be with or apart from is known to no host.
      same_as: [],
      different_from: [],
      flavor_id: size.id,
      flavor_name: size.name,
      image_id: image?.image_id ?? null,
      image_name: metadata.image,
      vcpus: wanted.vcpus,
      memory_mib: wanted.memory_mib,
      disk_gib: root.size_gib,
      boot: image ? 'image' : 'volume',
      ephemeral_gib: sizeOf(wanted, 'ephemeral'),
      swap_mib: wanted.disks.reduce(
        (sum, disk) => sum + (disk.role === 'swap' ? (disk.size_mib ?? disk.size_gib * 1024) : 0),
        0,
      ),
      cpu_model: wanted.cpu_model,
      cpu_features: wanted.cpu_features ?? null,
      config_drive: wanted.config_drive,
      ...recoveryOf(wanted),
      ...graphicsOf(wanted, {}),
      user_data: metadata.user_data,
      // Hosts are not told of groups, either.
      group_id: null,
      hardware: hardwareHeld(wanted.hardware, assigned, wishOf(size, made_of?.properties ?? {})),
      wanted_power: wanted.power === 'running' ? 'running' : 'stopped',
      public_keys: metadata.public_keys,
      tags: metadata.tags,
    },
  ])
  const now_ms = cloud.clock.now_ms()
  const purge_at = new Date(now_ms + cloud.settings.at('instance.recovery_minutes', wanted.metadata) * 60_000)
  const deletion = wanted.power === 'deleted' ? { deleted_at: new Date(now_ms), purge_at } : {}
  const base_mib = wanted.hardware?.memory_base_mib
  const growing = base_mib === undefined ? {} : { memory_base_mib: base_mib }
  // One that has come is this host's with the next change.
  const placement = hold.placement + (hold.here ? 1 : 0)
  await held.pass(tx, wanted.id, hold, { reboot_kind: wanted.reboot_kind, placement, ...growing, ...deletion })
}

/** What its flavor asks for now; null where that cannot be any more. */
function wishOf(size: Flavor, image: Record<string, string>): Hardware | null {
  try {
    return readHardware(mergedProperties(size.properties, image), size)
  } catch (error) {
    if (error instanceof BadHardware) return null
    throw error
  }
}

function sizeOf(wanted: WantedInstance, role: string): number {
  return wanted.disks.reduce((sum, disk) => sum + (disk.role === role ? disk.size_gib : 0), 0)
}

async function insertDisks(tx: Tx, { host_id }: HeldRow, wanted: WantedInstance): Promise<void> {
  const { name, project_id } = wanted.metadata
  for (const disk of wanted.disks) {
    if (disk.role === 'cdrom') continue
    const inserted = held.insertDisk(tx, {
      id: disk.volume_id,
      project_id,
      instance_id: wanted.id,
      host_id,
      name: `${name} ${disk.role}`,
      role: disk.role,
      size_gib: disk.size_gib,
      size_mib: disk.size_mib ?? null,
      image_id: disk.image?.image_id ?? null,
      bus: disk.bus,
      keep: disk.keep === true,
      made: true,
    })
    await onConstraint(inserted, {
      volume_pkey: () => taken(wanted, `disk ${disk.volume_id} is a volume of something else`),
    })
  }
}

/** The ports as the guest has them: made anew with MAC and addresses, or, where they are there still, given back. */
async function adoptPorts(cloud: Cloud, tx: Tx, wanted: WantedInstance): Promise<void> {
  const { project_id } = wanted.metadata
  const group = await groupsOf(cloud, tx, wanted)
  for (const [position, nic] of wanted.ports.entries()) {
    const there = await port.find(tx, nic.port_id)
    if (there) {
      const [free] = await instancePorts.lockFree(tx, project_id, [nic.port_id])
      if (free?.kind !== 'free') throw taken(wanted, `port ${nic.port_id} was given to something else`)
      await instancePorts.attach(tx, nic.port_id, wanted.id, position, nic.model)
      continue
    }
    const [usable] = await network.usable(tx, project_id, [nic.network_id])
    if (!usable) throw missing(wanted, `its network ${nic.network_id}`)
    await insertPort(cloud, tx, wanted, { nic, position, group })
  }
}

async function insertPort(
  cloud: Cloud,
  tx: Tx,
  wanted: WantedInstance,
  { nic, position, group }: { nic: WantedPort; position: number; group: string[] },
): Promise<void> {
  const { port_id: id, network_id, mac } = nic
  const { project_id } = wanted.metadata
  const made = {
    id,
    network_id,
    project_id,
    mac,
    kind: 'instance' as const,
    instance_id: wanted.id,
    position,
    model: nic.model,
  }
  await insertPorts(tx, cloud, [{ ...made, security_group_ids: group }])
  const fixed = nic.addresses.map(one => one.address)
  if (fixed.length > 0)
    await address.allocate(tx, await address.lock(tx, [network_id]), [{ port_id: id, network_id, fixed }])
}

function taken(wanted: WantedInstance, what: string): CloudError {
  return new CloudError(
    'conflict',
    `The instance ${wanted.metadata.name} cannot have a record again: its ${what}, since the restore or because the host lies. Free it first.`,
  )
}

/** Hosts are told the names of security groups; those that are there count, else the project's default. */
async function groupsOf(cloud: Cloud, tx: Tx, wanted: WantedInstance): Promise<string[]> {
  const { project_id, security_groups } = wanted.metadata
  const found: string[] = []
  for (const name of security_groups) {
    found.push(...(await securityGroup.list(tx, project_id, { name })).items.map(group => group.id))
  }
  return found.length > 0 ? found : [await ensureDefaultSecurityGroup(tx, cloud, project_id)]
}
