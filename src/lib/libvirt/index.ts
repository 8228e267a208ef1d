/** What users of the libvirt client import. See README.md. */
export { type ConnectOptions, Libvirt } from './client.ts'
export type { BlockInfo } from './devices.ts'
export type { DomainInfo, DomainMetadata } from './domains.ts'
export {
  ConnectionError,
  type ConnectionErrorReason,
  errorCode,
  hasCode,
  isAgentUnavailable,
  isConnectionError,
  isNoDomain,
  isOperationInvalid,
  LibvirtError,
  TimeoutError,
} from './errors.ts'
export { type DomainEvent, type DomainEventOf, type EventKind, eventKinds } from './events.ts'
export * from './flags.ts'
export type { GuestInterface } from './guest.ts'
export type { NodeInfo } from './host.ts'
export type { DomainState, LifecycleChange, LifecycleDetail, StateReason } from './names.ts'
export { ReconnectingLibvirt, type ReconnectOptions } from './reconnect.ts'
export type { DomainRef, DomainTarget, VolumeRef } from './refs.ts'
export type { LibvirtStream } from './stream.ts'
export type { TypedParam, TypedValues } from './typed-params.ts'
export { XdrError } from './xdr.ts'
