/**
 * What can go wrong: the daemon refused (LibvirtError), the connection is no more (ConnectionError), an answer did not
 * come in time (TimeoutError), or what came was not libvirt's protocol (XdrError, wrapped in a ConnectionError).
 */
import { readDomain } from './refs.ts'
import type { XdrReader } from './xdr.ts'

/** libvirt's error numbers that callers tell apart (virErrorNumber in virterror.h). */
export const errorCode = {
  internal_error: 1,
  no_support: 3,
  invalid_arg: 8,
  operation_failed: 9,
  xml_error: 27,
  dom_exist: 28,
  operation_denied: 29,
  system_error: 38,
  rpc: 39,
  no_domain: 42,
  auth_failed: 45,
  no_storage_vol: 50,
  operation_invalid: 55,
  config_unsupported: 67,
  operation_timeout: 68,
  invalid_stream: 73,
  argument_unsupported: 74,
  operation_aborted: 78,
  no_domain_metadata: 80,
  migrate_unsafe: 81,
  operation_unsupported: 84,
  agent_unresponsive: 86,
  resource_busy: 87,
  access_denied: 88,
  cpu_incompatible: 91,
  xml_invalid_schema: 92,
  agent_unsynced: 97,
  device_missing: 99,
  agent_command_timeout: 112,
  agent_command_failed: 113,
} as const

export type ErrorCodeName = keyof typeof errorCode

/** What libvirtd said when it refused a call. `domain` is the part of libvirt it comes from (virErrorDomain). */
export class LibvirtError extends Error {
  override readonly name = 'LibvirtError'
  /** virErrorNumber; those that matter are in `errorCode`. */
  readonly code: number
  readonly domain: number
  /** 1 a warning, 2 an error. */
  readonly level: number
  /** The call it answers, as in remote_protocol.x. */
  readonly procedure: string

  constructor(procedure: string, fields: { code: number; domain: number; level: number; message: string }) {
    super(`${fields.message} (libvirt ${procedure}, error ${codeName(fields.code)})`)
    this.procedure = procedure
    this.code = fields.code
    this.domain = fields.domain
    this.level = fields.level
  }
}

export type ConnectionErrorReason =
  /** The socket could not be reached, or the daemon did not open the driver in time. */
  | 'unreachable'
  /** The daemon wants a sign-in that this client does not do. */
  | 'auth'
  /** The daemon ended the connection. */
  | 'closed_by_daemon'
  /** We did. */
  | 'closed'
  /** The daemon did not answer pings. */
  | 'unresponsive'
  /** What came was not libvirt's protocol. */
  | 'protocol'

/** There is no connection (any more). Whether a call that was under way took effect is unknown. */
export class ConnectionError extends Error {
  override readonly name = 'ConnectionError'
  readonly reason: ConnectionErrorReason

  constructor(reason: ConnectionErrorReason, message: string, options?: ErrorOptions) {
    super(message, options)
    this.reason = reason
  }
}

/** A call was not answered in time. When `sent`, the daemon may still carry it out. */
export class TimeoutError extends Error {
  override readonly name = 'TimeoutError'
  readonly sent: boolean

  constructor(procedure: string, timeout_ms: number, sent: boolean) {
    super(
      sent
        ? `libvirtd did not answer ${procedure} within ${timeout_ms} ms; it may still carry it out`
        : `${procedure} waited ${timeout_ms} ms behind other calls and was not sent to libvirtd`,
    )
    this.sent = sent
  }
}

/** Decodes remote_error, the body of a reply whose status is an error. */
export function readError(procedure: string, body: XdrReader): LibvirtError {
  const code = body.i32()
  const domain = body.i32()
  const message = body.optionalString()
  const level = body.i32()
  // The rest (a domain, three strings, two numbers, a network) repeats the message in pieces.
  body.optional(() => readDomain(body))
  return new LibvirtError(procedure, { code, domain, level, message: message ?? 'libvirt gave no message' })
}

export function hasCode(error: unknown, ...names: ErrorCodeName[]): error is LibvirtError {
  return error instanceof LibvirtError && names.some(name => errorCode[name] === error.code)
}

/** There is no such domain (never defined, or undefined since). */
export const isNoDomain = (error: unknown): error is LibvirtError => hasCode(error, 'no_domain')

/** The call does not fit the domain's state, such as starting one that runs. */
export const isOperationInvalid = (error: unknown): error is LibvirtError => hasCode(error, 'operation_invalid')

/** The guest agent is not there, or does not answer. */
export const isAgentUnavailable = (error: unknown): error is LibvirtError =>
  hasCode(error, 'agent_unresponsive', 'agent_unsynced', 'agent_command_timeout') ||
  // Without an agent channel in the domain, libvirt says only that the configuration does not support it.
  (hasCode(error, 'argument_unsupported') && error.message.includes('guest agent'))

export const isConnectionError = (error: unknown): error is ConnectionError => error instanceof ConnectionError

function codeName(code: number): string {
  const found = Object.entries(errorCode).find(([, number]) => number === code)
  return found ? `${found[0]} (${code})` : String(code)
}
