/**
 * Says what a disk image is, and refuses one that is not safe to hand to a guest or to a converter: first by own
 * parsing of its header, then by comparing with what qemu-img reads, which runs with limits on memory, CPU and time.
 * The file must not change while and after it is inspected: keep uploads where only this program writes.
 */
import { resolve } from 'node:path'
import { CommandError, runCommand } from './command.ts'
import { DiskImageError } from './error.ts'
import { type DiskFormat, type DiskHeader, readHeader } from './header.ts'
import { FileReader } from './reader.ts'

export interface InspectOptions {
  /** Refuses disks that a guest would see as larger; 16 TiB when not given. */
  max_virtual_size_bytes?: number
  timeout_ms?: number
  signal?: AbortSignal
}

export interface DiskImage extends DiskHeader {
  /** Of the file as it is. */
  file_size_bytes: number
}

const tib = 1024 ** 4
const default_limit_bytes = 16 * tib

/** QEMU's names of formats; an ISO file is a raw disk to it. */
export const qemuDriver: Readonly<Record<DiskFormat, string>> = {
  qcow2: 'qcow2',
  vmdk: 'vmdk',
  vdi: 'vdi',
  vhd: 'vpc',
  vhdx: 'vhdx',
  iso: 'raw',
  raw: 'raw',
}

/** Throws DiskImageError for whatever is refused; its message says what, why and what to do. */
export async function inspect(path: string, options: InspectOptions = {}): Promise<DiskImage> {
  const limit = options.max_virtual_size_bytes ?? default_limit_bytes
  await using reader = await FileReader.open(path)
  const header = await readHeader(reader)
  refuseSize(header.virtual_size_bytes, limit)
  const seen = await askQemu(path, header.format, options)
  compare(header, seen, path, limit)
  return { ...header, virtual_size_bytes: seen.virtual_size_bytes, file_size_bytes: reader.size_bytes }
}

/** The image as a QEMU block device, so that neither format nor protocol nor backing file is ever guessed. */
export function qemuSource(path: string, format: DiskFormat): string {
  const file = { driver: 'file', filename: resolve(path) }
  const driver = qemuDriver[format]
  return `json:${JSON.stringify(driver === 'raw' ? { driver, file } : { driver, backing: null, file })}`
}

function refuseSize(virtual_size_bytes: number, limit: number): void {
  if (virtual_size_bytes > 0 && virtual_size_bytes <= limit) return
  if (virtual_size_bytes <= 0) throw new DiskImageError('malformed', 'The image claims a disk of no size.')
  throw new DiskImageError(
    'too_large',
    `The image is a disk of ${describe(virtual_size_bytes)}; at most ${describe(limit)} are allowed. ` +
      'Shrink it, or ask for a higher limit.',
    { virtual_size_bytes, limit_bytes: limit },
  )
}

function describe(bytes: number): string {
  return Number.isFinite(bytes) ? `${bytes} bytes (${(bytes / 1024 ** 3).toFixed(1)} GiB)` : 'an absurd size'
}

interface QemuView {
  format: string
  virtual_size_bytes: number
  names_other_files: boolean
  encrypted: boolean
  corrupt: boolean
}

async function askQemu(path: string, format: DiskFormat, options: InspectOptions): Promise<QemuView> {
  const argv = ['qemu-img', 'info', '--output=json', '-U', qemuSource(path, format)] as const
  try {
    const { stdout } = await runCommand(argv, {
      timeout_ms: options.timeout_ms ?? 60_000,
      max_output_bytes: 1024 * 1024,
      limits: { memory_bytes: 1024 ** 3, cpu_seconds: 30, file_bytes: 0 },
      ...(options.signal ? { signal: options.signal } : {}),
    })
    return parseInfo(JSON.parse(stdout), resolve(path))
  } catch (cause) {
    if (!(cause instanceof CommandError || cause instanceof SyntaxError)) throw cause
    if (cause instanceof CommandError && cause.failure === 'not_installed') {
      const advice = 'Install the package qemu-utils'
      throw new DiskImageError(
        'tool_failed',
        `qemu-img is missing, so the image cannot be checked. ${advice}.`,
        {},
        { cause },
      )
    }
    const said = cause instanceof CommandError ? cause.stderr.trim().split('\n').at(-1)?.slice(0, 300) : ''
    const sentence = `qemu-img cannot read the image as ${format}: ${said || cause.message}`
    throw new DiskImageError('tool_disagrees', `${sentence} Make it again, or check how it was copied.`, {}, { cause })
  }
}

function parseInfo(info: unknown, path: string): QemuView {
  const top = record(info)
  const specific = record(record(top['format-specific'])['data'])
  const extents = Array.isArray(specific['extents']) ? specific['extents'] : []
  const others = ['backing-filename', 'full-backing-filename'].some(key => top[key] !== undefined)
  return {
    format: String(top['format']),
    virtual_size_bytes: Number(top['virtual-size']),
    names_other_files:
      others ||
      specific['data-file'] !== undefined ||
      extents.some(
        (extent: unknown) => typeof record(extent)['filename'] === 'string' && record(extent)['filename'] !== path,
      ),
    encrypted: top['encrypted'] === true || specific['encrypt'] !== undefined,
    corrupt: specific['corrupt'] === true,
  }
}

function record(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
}

function compare(header: DiskHeader, seen: QemuView, path: string, limit: number): void {
  refuseSize(seen.virtual_size_bytes, limit)
  // A VHD's size is its geometry to some programs and a byte count to others; QEMU's reading is what guests get.
  const isSameSize = header.format === 'vhd' || roundUp(header.virtual_size_bytes) === seen.virtual_size_bytes
  const differs = [
    seen.format !== qemuDriver[header.format] && `it is ${seen.format} to qemu-img`,
    !isSameSize && `${seen.virtual_size_bytes} bytes to qemu-img, ${header.virtual_size_bytes} by its header`,
    seen.names_other_files && 'qemu-img finds that it names other files',
    seen.encrypted && 'qemu-img finds that it is encrypted',
    seen.corrupt && 'qemu-img finds it damaged',
  ].filter(one => one !== false)
  if (differs.length === 0) return
  const sentence = `The image can be read in more than one way, so it is refused: ${differs.join('; ')}.`
  throw new DiskImageError(
    'tool_disagrees',
    `${sentence} Convert it with 'qemu-img convert -O qcow2' where it was made.`,
    { path },
  )
}

function roundUp(bytes: number): number {
  return Math.ceil(bytes / 512) * 512
}
