/** Why a download failed: a code for programs, and for people a sentence that says what, why and what to do. */
export type DownloadErrorCode =
  /** Not a URL, or neither http nor https, or a redirect to such. */
  | 'bad_url'
  /** The name leads to a private, local or otherwise special address. */
  | 'address_refused'
  | 'name_not_found'
  | 'too_many_redirects'
  /** From https to http, with no checksum that would make up for it. */
  | 'insecure_redirect'
  /** The server said no. */
  | 'http_status'
  | 'too_large'
  | 'checksum_mismatch'
  /** Broken off or silent, again and again. */
  | 'connection_failed'
  | 'certificate_refused'
  | 'no_room'
  | 'write_failed'

export class DownloadError extends Error {
  readonly code: DownloadErrorCode
  readonly detail: Readonly<Record<string, unknown>>

  constructor(
    code: DownloadErrorCode,
    message: string,
    detail: Readonly<Record<string, unknown>> = {},
    options?: { cause?: unknown },
  ) {
    super(message, options)
    this.name = 'DownloadError'
    this.code = code
    this.detail = detail
  }
}
