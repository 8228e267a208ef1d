/**
 * Which failures say that PostgreSQL could not be reached, or went away meanwhile: then it is not known whether what was
 * asked has been done, and whoever asks again at once waits in vain. And which say that it is there, and busy. Not its job: what the
 * server refuses.
 */

/** All connections that there may be are there, and none came free in time. */
export class NoFreeConnection extends Error {}

/** Connections refused, lost or not to be had in time: of sockets, of the server's shutdown (57P), of SQLSTATE class 08. */
export function isDatabaseAway(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  const code = 'code' in error ? String(error.code) : ''
  return (
    /^(08...|57P0[123]|53300|25P03|ECONNREFUSED|ECONNRESET|EPIPE|ENOENT)$/.test(code) ||
    /^(Connection terminated|Client has encountered a connection error|timeout exceeded when trying to connect)/.test(
      error.message,
    ) ||
    error instanceof NoFreeConnection
  )
}

/** What was asked has waited too long, and its transaction is undone, or was not begun: for what others have locked, or for a connection. */
export function databaseBusy(error: unknown): 'locked' | 'connection' | null {
  if (error instanceof NoFreeConnection) return 'connection'
  return error instanceof Error && 'code' in error && error.code === '55P03' ? 'locked' : null
}
