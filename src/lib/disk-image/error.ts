/** Why a disk image is refused: a code for programs, and for people a sentence that says what, why and what to do. */
export type DiskImageErrorCode =
  /** Not a plain file, or empty. */
  | 'not_a_file'
  | 'empty'
  /** Compressed or an archive: to be unpacked first. */
  | 'packed'
  /** A disk format, but none that is taken. */
  | 'unsupported_format'
  /** Ends before what its header promises. */
  | 'truncated'
  /** Its header contradicts itself or the format. */
  | 'malformed'
  /** Says of itself that it is damaged. */
  | 'corrupt'
  /** Written for a newer reader. */
  | 'unknown_feature'
  /** Content would come from other files. */
  | 'backing_file'
  | 'external_data_file'
  | 'external_extent'
  | 'encrypted'
  | 'too_large'
  /** qemu-img reads it differently, cannot read it, or is missing. */
  | 'tool_disagrees'
  | 'tool_failed'

export class DiskImageError extends Error {
  readonly code: DiskImageErrorCode
  readonly detail: Readonly<Record<string, unknown>>

  constructor(
    code: DiskImageErrorCode,
    message: string,
    detail: Readonly<Record<string, unknown>> = {},
    options?: { cause?: unknown },
  ) {
    super(message, options)
    this.name = 'DiskImageError'
    this.code = code
    this.detail = detail
  }
}

export function malformed(
  format: string,
  what: string,
  detail: Readonly<Record<string, unknown>> = {},
): DiskImageError {
  const sentence = `The image is not a sound ${format} file: ${what}. Make it again, or check how it was copied.`
  return new DiskImageError('malformed', sentence, detail)
}
