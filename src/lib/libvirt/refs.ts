/** How domains, volumes and their UUIDs are named on the wire and to callers. */
import { XdrError, type XdrReader, type XdrWriter } from './xdr.ts'

/** A domain as libvirt names it. */
export interface DomainRef {
  name: string
  /** Lower case, with dashes. */
  uuid: string
  /** The number of a running domain, -1 while it does not run (as it was when libvirt said so; it is not kept up to date). */
  id: number
}

/** Enough to say which domain is meant: libvirtd looks domains up by UUID, the rest is for its messages. */
export type DomainTarget = Pick<DomainRef, 'uuid'> & Partial<DomainRef>

/** A storage volume as libvirt names it. */
export interface VolumeRef {
  pool: string
  name: string
  key: string
}

export function writeDomain(writer: XdrWriter, domain: DomainTarget): void {
  writer.string(domain.name ?? domain.uuid)
  writeUuid(writer, domain.uuid)
  writer.i32(domain.id ?? -1)
}

export function readDomain(reader: XdrReader): DomainRef {
  return { name: reader.string(), uuid: readUuid(reader), id: reader.i32() }
}

export function writeVolume(writer: XdrWriter, volume: VolumeRef): void {
  writer.string(volume.pool).string(volume.name).string(volume.key)
}

export function readVolume(reader: XdrReader): VolumeRef {
  return { pool: reader.string(), name: reader.string(), key: reader.string() }
}

export function writeUuid(writer: XdrWriter, uuid: string): void {
  const digits = uuid.replaceAll('-', '')
  if (!/^[0-9a-f]{32}$/i.test(digits)) throw new XdrError(`"${uuid}" is not a UUID`)
  writer.fixed(Buffer.from(digits, 'hex'))
}

function readUuid(reader: XdrReader): string {
  const digits = reader.fixed(16).toString('hex')
  return digits.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-')
}
