/** Calls that move the bytes of storage volumes. Not its job: making pools and volumes. */
import { nothing } from './domains.ts'
import { type Procedure, remote } from './procedures.ts'
import { readVolume, type VolumeRef, writeVolume } from './refs.ts'
import type { Rpc } from './rpc.ts'
import { LibvirtStream, type StreamDirection, type StreamOptions } from './stream.ts'

/** A part of a volume; a length of 0 is all from the offset on. */
export interface VolumeRange {
  offset_bytes?: number
  length_bytes?: number
}

export class VolumeCalls {
  readonly #rpc: Rpc

  constructor(rpc: Rpc) {
    this.#rpc = rpc
  }

  /** virStorageVolLookupByPath. Fails with no_storage_vol when no pool that runs holds it. */
  lookupByPath(path: string): Promise<VolumeRef> {
    return this.#rpc.call(remote.storage_vol_lookup_by_path, writer => writer.string(path), readVolume)
  }

  /** virStorageVolUpload: write to the stream, then end it; 'finish' says that libvirtd has stored it all. */
  upload(volume: VolumeRef, range?: VolumeRange, options?: StreamOptions): Promise<LibvirtStream> {
    return this.#transfer(remote.storage_vol_upload, 'write', volume, range, options)
  }

  /** virStorageVolDownload. */
  download(volume: VolumeRef, range?: VolumeRange, options?: StreamOptions): Promise<LibvirtStream> {
    return this.#transfer(remote.storage_vol_download, 'read', volume, range, options)
  }

  async #transfer(
    procedure: Procedure,
    direction: StreamDirection,
    volume: VolumeRef,
    { offset_bytes = 0, length_bytes = 0 }: VolumeRange = {},
    options?: StreamOptions,
  ): Promise<LibvirtStream> {
    const { stream } = await LibvirtStream.open(
      this.#rpc,
      procedure,
      direction,
      writer => {
        writeVolume(writer, volume)
        writer.u64(offset_bytes).u64(length_bytes).u32(0)
      },
      nothing,
      options,
    )
    return stream
  }
}
