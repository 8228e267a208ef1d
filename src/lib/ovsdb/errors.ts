/**
 * What can go wrong between a program and an OVSDB server, one class for each kind of answer a caller gives to it.
 * Not its job: deciding what to do then.
 */

export class OvsdbError extends Error {
  override name = 'OvsdbError'
}

/** The server's schema, or the caller's use of it, does not fit. Asking again does not help. */
export class OvsdbSchemaError extends OvsdbError {
  override name = 'OvsdbSchemaError'
}

/** The peer sent something that is not the protocol. The connection is closed. */
export class OvsdbProtocolError extends OvsdbError {
  override name = 'OvsdbProtocolError'
}

/**
 * There is no connection, or it ended before the answer came.
 * `outcome` says whether the request may have taken effect: 'not_sent' never did, 'unknown' may have.
 */
export class OvsdbConnectionError extends OvsdbError {
  override name = 'OvsdbConnectionError'
  readonly outcome: 'not_sent' | 'unknown'
  constructor(message: string, outcome: 'not_sent' | 'unknown', options?: ErrorOptions) {
    super(message, options)
    this.outcome = outcome
  }
}

/** The server answered a request with an error (RFC 7047 section 4.1); `code` is its error text. */
export class OvsdbRequestError extends OvsdbError {
  override name = 'OvsdbRequestError'
  readonly code: string
  readonly details: string
  constructor(method: string, code: string, details: string) {
    super(`${method} was refused: ${code}${details ? `: ${details}` : ''}`)
    this.code = code
    this.details = details
  }
}

/**
 * A transaction failed and changed nothing. `code` is RFC 7047's: 'constraint violation', 'referential integrity
 * violation', 'not owner', 'timed out', 'resources exhausted', 'aborted', …; `operation` the index of the operation
 * that failed, or 'commit' when all were good alone but not together.
 */
export class OvsdbTransactionError extends OvsdbError {
  override name = 'OvsdbTransactionError'
  readonly operation: number | 'commit'
  readonly code: string
  readonly details: string
  constructor(operation: number | 'commit', what: string, code: string, details: string) {
    const where = operation === 'commit' ? 'the transaction' : `operation ${operation} (${what})`
    super(`${where} failed: ${code}${details ? `: ${details}` : ''}; nothing was changed`)
    this.operation = operation
    this.code = code
    this.details = details
  }
}
