/**
 * What goes wrong while a machine is prepared, told to the person at the terminal: what, why, what to do.
 * Not its job: errors of the API (model/errors.ts).
 */

/** The message is one sentence of what and why; `mend` says what to do and is shown on lines of its own. */
export class HostError extends Error {
  readonly mend: string | undefined
  constructor(message: string, mend?: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'HostError'
    this.mend = mend
  }
}
