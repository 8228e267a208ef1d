/** What a new instance starts from: an image, an ISO, a volume or the network. Not its job: the instance itself. */
import type { InstanceCreate } from '../../api/instance-create.ts'
import { CloudError, notFound } from '../../model/errors.ts'
import { type BootSource, gibOf } from '../../model/volume.ts'
import { type BootImage, bootSource } from '../store/boot-source.ts'
import type { Tx } from '../store/database.ts'
import { mustBeFree } from '../store/held-volume.ts'
import { type VolumeRow, volume } from '../store/volume.ts'

const gib = 1024 ** 3

export interface Boot {
  kind: BootSource
  image_id: string | null
  /** Empty: none. */
  image_name: string
  /** Of the image, also of the one that a volume was made from. */
  properties: Record<string, string>
  /** The root disk's. */
  disk_gib: number
  /** The existing volume that becomes the root disk. */
  volume: (VolumeRow & { pool_id: string | null }) | null
  /** What a new root disk is a copy of; null: it is empty, or there is none to make. */
  root_image_id: string | null
}

export interface FlavorSize {
  name: string
  disk_gib: number
  memory_mib: number
}

type Asked = Pick<InstanceCreate, 'image_id' | 'boot_volume_id' | 'boot' | 'disk_gib' | 'count'>

/**
 * `hold`: locks or shares what is started from until the transaction ends. `sized`: may still be on its way. Throws invalid unless
 * exactly one source is named.
 */
export async function bootOf(
  tx: Tx,
  project_id: string,
  asked: Asked,
  sized: FlavorSize | Promise<FlavorSize>,
  hold: boolean,
): Promise<Boot> {
  const named = [asked.image_id, asked.boot_volume_id, asked.boot].filter(one => one !== undefined)
  if (named.length !== 1) {
    throw new CloudError(
      'invalid',
      `${named.length === 0 ? 'Nothing to start from was named' : 'More than one thing to start from was named'}. ` +
        'Name exactly one of image_id (an image or ISO), boot_volume_id (a volume), or boot: network.',
    )
  }
  if (asked.image_id !== undefined) return fromImage(tx, asked.image_id, project_id, asked, sized, hold)
  if (asked.boot_volume_id !== undefined) return fromVolume(tx, asked.boot_volume_id, project_id, asked, hold)
  return {
    kind: 'network',
    image_id: null,
    image_name: '',
    properties: {},
    disk_gib: asked.disk_gib ?? (await sized).disk_gib,
    volume: null,
    root_image_id: null,
  }
}

async function fromImage(
  tx: Tx,
  id: string,
  project_id: string,
  asked: Asked,
  sized: FlavorSize | Promise<FlavorSize>,
  hold: boolean,
): Promise<Boot> {
  const image = await readyImage(tx, id, project_id, hold)
  const { disk_gib, ...flavor } = await sized
  const size = { ...flavor, disk_gib: asked.disk_gib ?? disk_gib }
  const is_iso = image.format === 'iso'
  const needs_gib = diskOf(image)
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
  return {
    kind: is_iso ? 'iso' : 'image',
    image_id: image.id,
    image_name: image.name,
    properties: image.properties,
    disk_gib: size.disk_gib,
    volume: null,
    root_image_id: is_iso ? null : image.id,
  }
}

async function fromVolume(tx: Tx, id: string, project_id: string, asked: Asked, hold: boolean): Promise<Boot> {
  const row = await volume.toBoot(tx, id, hold)
  if (!row || row.project_id !== project_id) throw notFound('volume', id)
  if (asked.count !== undefined && asked.count > 1)
    throw new CloudError('invalid', 'A volume is the root disk of one instance. Leave count out, or name an image.')
  if (asked.disk_gib !== undefined)
    throw new CloudError('invalid', `The volume ${row.name} has its size already: leave disk_gib out.`)
  if (row.deleted_at) throw new CloudError('wrong_state', `The volume ${row.name} is being deleted.`)
  if (row.instance_id !== null) {
    throw new CloudError(
      'in_use',
      `The volume ${row.name} is a disk of the instance ${row.instance}, until that is purged. Purge it first with the volume kept (croft instance delete ${row.instance} --keep-root --purge), or choose another.`,
      { instance_id: row.instance_id },
    )
  }
  await mustBeFree(tx, row)
  if (row.image_id === null && !row.made) {
    throw new CloudError(
      'invalid',
      `The volume ${row.name} is empty: there is nothing to start from. Make one from an image (croft volume create --image).`,
    )
  }
  return {
    kind: 'volume',
    image_id: row.image_id,
    image_name: row.image ?? '',
    properties: (row.image_properties ?? {}) as Record<string, string>,
    disk_gib: row.size_gib,
    volume: row,
    root_image_id: null,
  }
}

/** An image with content that the project may use. `hold`: against its deletion. */
async function readyImage(tx: Tx, id: string, project_id: string, hold: boolean): Promise<BootImage> {
  const image = await bootSource.image(tx, id, project_id, hold)
  if (!image) throw notFound('image', id)
  if (image.status === 'ready' && image.virtual_size_bytes !== null) return image
  throw new CloudError(
    'wrong_state',
    `The image ${image.name} is ${image.status}, not ready. Wait for it, or choose another.`,
  )
}

/** The smallest disk for it. What is on an ISO stays on the CD-ROM. */
function diskOf(image: BootImage): number {
  const own_gib = image.format === 'iso' ? 0 : Math.ceil((image.virtual_size_bytes ?? 0) / gib)
  return Math.max(own_gib, image.min_disk_gib)
}

export interface VolumeSource {
  image_id: string | null
  size_gib: number
  bus: string
}

/** For a volume that is made before any instance. */
export async function volumeSource(
  tx: Tx,
  project_id: string,
  asked: { image_id?: string | undefined; size_gib?: number | undefined },
): Promise<VolumeSource> {
  if (asked.image_id === undefined) {
    if (asked.size_gib !== undefined) return { image_id: null, size_gib: asked.size_gib, bus: 'virtio' }
    throw new CloudError('invalid', 'How large shall it be? Name size_gib, or an image whose size it shall have.')
  }
  const image = await readyImage(tx, asked.image_id, project_id, true)
  if (image.format === 'iso') {
    throw new CloudError(
      'invalid',
      `The image ${image.name} is an ISO: no disk is made of it. Start an instance from it (croft instance create --image), which has it as a CD-ROM.`,
    )
  }
  const needs_gib = Math.max(1, diskOf(image))
  const size_gib = asked.size_gib ?? needs_gib
  if (size_gib >= needs_gib) return { image_id: image.id, size_gib, bus: busOf(image.properties) }
  throw new CloudError('invalid', `The image ${image.name} needs a volume of ${needs_gib} GiB, not ${size_gib}.`, {
    needs_gib,
    size_gib,
  })
}

export function busOf(properties: Record<string, string>): string {
  const { disk_bus = 'virtio' } = properties
  return ['scsi', 'sata', 'ide'].includes(disk_bus) ? disk_bus : 'virtio'
}

/** Of the root disk that each instance gets; none is made for a volume that is there already. */
export const newRootGib = (boot: Boot): number => (boot.volume ? 0 : boot.disk_gib)

/** What the disks beside the root disk take together, as quota and host reckon. */
export function extraGib(size: { ephemeral_gib: number; swap_mib: number }): number {
  return size.ephemeral_gib + gibOf(size.swap_mib)
}
