/**
 * One table of errors, two audiences: a code and an HTTP status for programs; for people a sentence that says what,
 * why, and what to do. The cause goes to the log only. API problems follow RFC 9457.
 */
export const errorTable = {
  bad_request: { status: 400, title: 'The request is not understood' },
  invalid: { status: 422, title: 'A value is not valid' },
  not_signed_in: { status: 401, title: 'Not signed in' },
  sign_in_refused: { status: 401, title: 'Sign-in refused' },
  locked_out: { status: 429, title: 'Locked out after too many failed sign-ins' },
  forbidden: { status: 403, title: 'Not permitted' },
  not_found: { status: 404, title: 'Not found' },
  conflict: { status: 409, title: 'In conflict with what exists' },
  name_taken: { status: 409, title: 'The name is taken' },
  in_use: { status: 409, title: 'Still in use' },
  wrong_state: { status: 409, title: 'Not possible in this state' },
  quota_exceeded: { status: 409, title: 'Quota exceeded' },
  no_capacity: { status: 409, title: 'No host can take it' },
  no_address: { status: 409, title: 'No address is free' },
  overlap: { status: 409, title: 'Address ranges overlap' },
  image_refused: { status: 422, title: 'The image is refused' },
  address_refused: { status: 422, title: 'The address may not be fetched from' },
  idempotency_mismatch: { status: 422, title: 'The idempotency key was used for another request' },
  changed_meanwhile: { status: 412, title: 'Changed meanwhile' },
  too_large: { status: 413, title: 'Too large' },
  unsupported_media: { status: 415, title: 'Content type not supported' },
  too_many_requests: { status: 429, title: 'Too many requests' },
  host_unreachable: { status: 503, title: 'The host does not answer' },
  unavailable: { status: 503, title: 'Not available now' },
  storage_full: { status: 507, title: 'No room left' },
  internal: { status: 500, title: 'Something is wrong inside Croft' },
} as const satisfies Record<string, { status: number; title: string }>

export type ErrorCode = keyof typeof errorTable
export type ErrorDetail = Readonly<Record<string, unknown>>

export class CloudError extends Error {
  readonly code: ErrorCode
  /** Structured facts for programs, such as the limit exceeded; shown in the answer beside the sentence. */
  readonly detail: ErrorDetail

  /** `sentence`: what, why, what to do, for the person who asked. `cause` is logged, never answered. */
  constructor(code: ErrorCode, sentence: string, detail: ErrorDetail = {}, options?: { cause?: unknown }) {
    super(sentence, options)
    this.code = code
    this.detail = detail
  }

  get status(): number {
    return errorTable[this.code].status
  }
}

export function notFound(noun: string, id: string): CloudError {
  return new CloudError('not_found', `There is no ${noun} ${id} that you may see.`, { noun, id })
}
