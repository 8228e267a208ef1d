/** Every failure as a problem document (RFC 9457): one place where errors meet HTTP. */
import { databaseBusy, isDatabaseAway } from '../../lib/database-away.ts'
import { CloudError, errorTable } from '../../model/errors.ts'

export interface ProblemBody {
  type: string
  title: string
  status: number
  detail: string
  code: string
  request_id: string
  [extension: string]: unknown
}

/** What is thrown, as a CloudError. Anything that is not one is 'internal': its text stays in the log. */
export function toCloudError(error: unknown, request_id: string): CloudError {
  if (error instanceof CloudError) return error
  const status = error instanceof Error && 'statusCode' in error ? error.statusCode : undefined
  if (status === 413) {
    return new CloudError(
      'too_large',
      'The body is larger than this route takes. Send less at once.',
      {},
      { cause: error },
    )
  }
  if (status === 415) {
    return new CloudError(
      'unsupported_media',
      'Send JSON, with the header Content-Type: application/json.',
      {},
      { cause: error },
    )
  }
  if (status === 400 && error instanceof Error) {
    return new CloudError('bad_request', `The request could not be read: ${error.message}.`, {}, { cause: error })
  }
  const busy = databaseBusy(error)
  if (busy) return new CloudError('unavailable', busy_words[busy], {}, { cause: error })
  const look = 'Whether it was done is not known: look, or ask again with the same Idempotency-Key.'
  if (isDatabaseAway(error)) {
    return new CloudError('unavailable', `The database does not answer. ${look}`, {}, { cause: error })
  }
  const message = `Something went wrong inside Croft; the log has it under request ${request_id}. ${look}`
  return new CloudError('internal', message, {}, { cause: error })
}

const busy_words = {
  locked:
    'Others are changing the same things just now; this request has waited for them, and was given up. Try again in a few seconds.',
  connection:
    'This controller has more to ask of the database just now than it gets answered; this request has waited for its turn, and was given up. Try again in a few seconds.',
}

export function problem(error: CloudError, request_id: string): ProblemBody {
  const { status, title } = errorTable[error.code]
  return {
    ...error.detail,
    type: `urn:croft:error:${error.code}`,
    title,
    status,
    detail: error.message,
    code: error.code,
    request_id,
  }
}
